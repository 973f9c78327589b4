// The Node.js library `influx` against the server on the port that is named.
const assert = require('assert');
const Influx = require('influx');
const influx = new Influx.InfluxDB({
  host: '127.0.0.1', port: Number(process.argv[2]), database: 'js',
  schema: [{ measurement: 'm', tags: ['host'], fields: {
    f: Influx.FieldType.FLOAT, i: Influx.FieldType.INTEGER,
    s: Influx.FieldType.STRING, b: Influx.FieldType.BOOLEAN } }],
});
(async () => {
  const [state] = await influx.ping(5000);
  assert(state.online && state.version.startsWith('1.'), state.version);
  await influx.createDatabase('js');
  assert((await influx.getDatabaseNames()).includes('js'));
  const points = [];
  for (let n = 0; n < 500; n++) {
    points.push({ measurement: 'm', tags: { host: `h,${n % 2}` }, timestamp: 1600000000 + n,
      fields: { f: n + 0.25, i: n, s: `a "${n}"`, b: n % 3 === 0 } });
  }
  await influx.writePoints(points, { precision: 's' });
  const rows = await influx.query('select * from m order by time desc limit 2');
  assert.strictEqual(rows.length, 2);
  assert.strictEqual(rows[0].i, 499);
  assert.strictEqual(rows[0].f, 499.25);
  assert.strictEqual(rows[0].s, 'a "499"');
  assert.strictEqual(rows[0].host, 'h,1');
  assert.strictEqual(rows[0].time.getNanoTime(), '1600000499000000000');
  const groups = (await influx.query('select sum(i) from m group by host')).groups();
  assert.deepStrictEqual(groups.map((g) => [g.tags.host, g.rows[0].sum]),
    [['h,0', 62250], ['h,1', 62500]]);
  await influx.createRetentionPolicy('week', { database: 'js', duration: '7d', replication: 1 });
  const policies = await influx.showRetentionPolicies('js');
  assert(policies.some((p) => p.name === 'week' && p.duration === '168h0m0s'), JSON.stringify(policies));
  await assert.rejects(influx.query('selekt 1'), /error parsing query/);
  await influx.dropDatabase('js');
  console.log('all good');
})().catch((error) => { console.error(error); process.exit(1); });
