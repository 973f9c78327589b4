"""What Home Assistant's influxdb integration does with the library `influxdb`."""
import sys
from influxdb import InfluxDBClient

client = InfluxDBClient(host="127.0.0.1", port=int(sys.argv[1]), database="home_assistant",
                        username="user", password="password", timeout=5)
names = [row["name"] for row in client.query("SHOW DATABASES;").get_points()]
assert "home_assistant" in names, names
client.write_points([])

def state(entity, unit, value, second):
    return {"measurement": unit, "time": f"2024-01-01T00:00:{second:02}.123456Z",
            "tags": {"domain": "sensor", "entity_id": entity},
            "fields": {"value": value, "friendly_name_str": f"Sensor \\ {entity}", "attribution_str": ""}}

client.write_points([
    state("büro", "°C", 21.5, 0), state("büro", "°C", 21.75, 1), state("dach", "%", 55.0, 0),
    state("power", "W/m²", 800.0, 0), state("co2", "µg/m³", 4.5, 0), state("tür", "units", 1.0, 0),
])
query = "select mean(value) as value from \"°C\" where entity_id = 'büro' and time > '2023-01-01'"
points = list(client.query(query, database="home_assistant").get_points())
assert len(points) == 1 and points[0]["value"] == 21.625, points
points = list(client.query("select last(value) as value from \"W/m²\"").get_points())
assert points[0]["value"] == 800.0 and points[0]["time"] == "2024-01-01T00:00:00.123456Z", points
assert list(client.query("select mean(value) as value from nothing where a = 'b'").get_points()) == []
client.close()
print("all good")
