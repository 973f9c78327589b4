#!/usr/bin/env python3
"""Fills in the expected answers of cases from a real InfluxDB 1.x.

  python3 record.py --url http://127.0.0.1:8086 cases/001-name.json …

Creates and drops the database "compat" on that server.
"""
import argparse
import json
import urllib.error
import urllib.parse
import urllib.request


def query(url, text):
    params = urllib.parse.urlencode({"db": "compat", "epoch": "ns", "q": text})
    request = urllib.request.Request(f"{url}/query?{params}", method="POST", data=b"")
    with urllib.request.urlopen(request) as reply:
        result = json.load(reply)["results"][0]
    del result["statement_id"]
    return result


def record(url, path):
    with open(path, encoding="utf-8") as file:
        case = json.load(file)
    query(url, "DROP DATABASE compat")
    query(url, "CREATE DATABASE compat")
    lines = "\n".join(case["writes"]).encode()
    urllib.request.urlopen(f"{url}/write?db=compat", data=lines).close()
    for item in case["queries"]:
        item["expect"] = query(url, item["q"])
    query(url, "DROP DATABASE compat")
    with open(path, "w", encoding="utf-8") as file:
        file.write(printed(case))


def printed(case):
    """One line for each line written and each query."""
    parts = [f'  "about": {json.dumps(case["about"], ensure_ascii=False)}']
    writes = ",\n".join("    " + json.dumps(line, ensure_ascii=False) for line in case["writes"])
    parts.append(f'  "writes": [\n{writes}\n  ]')
    queries = ",\n".join(
        "    {\n"
        f'      "q": {json.dumps(item["q"], ensure_ascii=False)},\n'
        f'      "expect": {json.dumps(item["expect"], ensure_ascii=False)}\n'
        "    }"
        for item in case["queries"]
    )
    parts.append(f'  "queries": [\n{queries}\n  ]')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("cases", nargs="+")
    arguments = parser.parse_args()
    for path in arguments.cases:
        record(arguments.url, path)


if __name__ == "__main__":
    main()
