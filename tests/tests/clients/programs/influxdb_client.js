// The library @influxdata/influxdb-client against the server whose URL is named.
const assert = require('assert');
const { InfluxDB, Point, HttpError } = require('@influxdata/influxdb-client');

const influx = new InfluxDB({ url: process.argv[2], token: 'user:password' });
(async () => {
  const writer = influx.getWriteApi('', 'v2/autogen', 's', { batchSize: 100, maxRetries: 0 });
  for (let n = 0; n < 500; n++) {
    writer.writePoint(new Point('m').tag('host', 'h 1').intField('v', n).timestamp(1700000000 + n));
  }
  await writer.close();

  const wrong = influx.getWriteApi('', 'nodb', 'ns', {
    maxRetries: 0, writeFailed: (error) => { wrong.seen = error; return Promise.resolve(); } });
  wrong.writeRecord('m v=1');
  await wrong.close().catch(() => {});
  assert(wrong.seen instanceof HttpError && wrong.seen.statusCode === 404, wrong.seen);
  assert(/database not found/.test(wrong.seen.body), wrong.seen.body);

  await assert.rejects(influx.getQueryApi('').collectRows('from(bucket:"v2") |> range(start: -1h)'),
    (error) => error.statusCode === 403 && /InfluxQL/.test(error.body));
  console.log('all good');
})().catch((error) => { console.error(error); process.exit(1); });
