// The Go library influxdb1-client against the server whose URL is named.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	client "github.com/influxdata/influxdb1-client/v2"
)

func check(good bool, what ...interface{}) {
	if !good {
		fmt.Println(what...)
		os.Exit(1)
	}
}

func ask(c client.Client, q client.Query) []client.Result {
	answer, err := c.Query(q)
	check(err == nil, q.Command, err)
	check(answer.Error() == nil, q.Command, answer.Error())
	return answer.Results
}

func main() {
	c, err := client.NewHTTPClient(client.HTTPConfig{Addr: os.Args[1], Username: "u", Password: "p"})
	check(err == nil, err)
	defer c.Close()
	_, version, err := c.Ping(2 * time.Second)
	check(err == nil && strings.HasPrefix(version, "1.8."), version, err)
	ask(c, client.NewQuery("CREATE DATABASE go", "", ""))

	points, _ := client.NewBatchPoints(client.BatchPointsConfig{Database: "go", Precision: "ns"})
	for n := 0; n < 1000; n++ {
		point, err := client.NewPoint("m", map[string]string{"host": fmt.Sprintf("h %d", n%4)},
			map[string]interface{}{"i": int64(n), "f": float64(n) + 0.5, "s": "a \"b\" \\ c", "b": n%2 == 0},
			time.Unix(1600000000+int64(n), 7))
		check(err == nil, err)
		points.AddPoint(point)
	}
	check(c.Write(points) == nil, "write")

	results := ask(c, client.NewQuery("SELECT * FROM m WHERE host = 'h 1'", "go", "ns"))
	rows := results[0].Series[0].Values
	check(len(rows) == 250, len(rows))
	check(rows[0][0].(json.Number).String() == "1600000001000000007", rows[0])
	check(fmt.Sprint(rows[0][1:]) == "[false 1.5 h 1 1 a \"b\" \\ c]", rows[0])
	results = ask(c, client.NewQueryWithParameters("SELECT i FROM m WHERE host = $h AND i > $i LIMIT 1", "go", "s",
		map[string]interface{}{"h": "h 1", "i": 10}))
	check(fmt.Sprint(results[0].Series[0].Values) == "[[1600000013 13]]", results)

	q := client.NewQuery("SELECT i FROM m", "go", "ns")
	q.Chunked, q.ChunkSize = true, 300
	stream, err := c.QueryAsChunk(q)
	check(err == nil, err)
	count := 0
	for {
		part, err := stream.NextResponse()
		if err != nil || part == nil || len(part.Results) == 0 {
			break
		}
		for _, series := range part.Results[0].Series {
			count += len(series.Values)
		}
	}
	check(count == 1000, count)
	chunks := ask(c, q)
	count = 0
	for _, result := range chunks {
		for _, series := range result.Series {
			count += len(series.Values)
		}
	}
	check(count == 1000, count)

	_, err = c.Query(client.NewQuery("SELEKT", "go", ""))
	check(err == nil || strings.Contains(err.Error(), "error parsing query"), err)
	answer, err := c.Query(client.NewQuery("SELECT * FROM m", "nodb", ""))
	check(err == nil && answer.Error() != nil && answer.Error().Error() == "database not found: nodb", err)
	conflict, _ := client.NewBatchPoints(client.BatchPointsConfig{Database: "go"})
	point, _ := client.NewPoint("m", nil, map[string]interface{}{"i": "text"}, time.Unix(1600000000, 8))
	conflict.AddPoint(point)
	err = c.Write(conflict)
	check(err != nil && strings.Contains(err.Error(), "field type conflict"), err)
	elsewhere, _ := client.NewBatchPoints(client.BatchPointsConfig{Database: "nodb"})
	elsewhere.AddPoint(point)
	err = c.Write(elsewhere)
	check(err != nil && strings.Contains(err.Error(), "database not found"), err)
	fmt.Println("all good")
}
