"""Points for the parts that make their own: CPUs of hosts, as TSBS' devops case has them."""

import random

DAY_NS = 86_400_000_000_000
# 2024-01-01T00:00:00Z
START_NS = 1_704_067_200_000_000_000
FIELDS = ["user", "system", "idle", "nice", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"]
REGIONS = ["eu-central-1", "eu-west-1", "us-east-1", "us-west-2", "ap-south-1"]


def cpu(out, hosts, hours, step_s=10, seed=1):
    """Ten tags and ten integer fields that wander between 0 and 100, host by host in each step."""
    chance = random.Random(seed)
    heads = []
    for host in range(hosts):
        region = chance.choice(REGIONS)
        heads.append(
            f"cpu,arch={chance.choice(['x64', 'arm64'])},datacenter={region}{chance.choice('abc')},"
            f"hostname=host_{host},os=Debian{chance.randint(11, 13)},rack={chance.randint(0, 99)},"
            f"region={region},service={chance.randint(0, 19)},"
            f"service_environment={chance.choice(['production', 'staging', 'test'])},"
            f"service_version={chance.randint(0, 1)},team={chance.choice(['CHI', 'LON', 'NYC', 'SF'])} "
        )
    format_fields = ",".join(f"usage_{field}=%di" for field in FIELDS)
    values = [[chance.randint(0, 100) for _ in FIELDS] for _ in range(hosts)]
    for second in range(0, hours * 3600, step_s):
        end = f" {START_NS + second * 10**9}\n"
        for head, row in zip(heads, values):
            # Two bits a field: down, twice nothing, up.
            bits = chance.getrandbits(2 * len(FIELDS))
            for at in range(len(FIELDS)):
                move = bits & 3
                bits >>= 2
                if move == 0 and row[at] > 0:
                    row[at] -= 1
                elif move == 3 and row[at] < 100:
                    row[at] += 1
            out.write(head + format_fields % tuple(row) + end)


def gauges(out, measurement, hosts, start_ns, points, step_ns, seed=1):
    """One tag and two integer fields: small lines for the parts that need many."""
    chance = random.Random(seed)
    for point in range(points):
        end = f" {start_ns + point * step_ns}\n"
        bits = chance.getrandbits(14 * hosts)
        for host in range(hosts):
            out.write(f"{measurement},host=h{host} busy={bits & 127}i,idle={(bits >> 7) & 127}i{end}")
            bits >>= 14


def decimals(out, hosts, points, seed=1):
    """Floats without a pattern, with two decimals: what compresses badly."""
    chance = random.Random(seed)
    for point in range(points):
        end = f" {START_NS + point * 10 * 10**9}\n"
        for host in range(hosts):
            fields = ",".join(f"f{field}={chance.randint(0, 10_000) / 100}" for field in range(5))
            out.write(f"gauge,host=h{host} {fields}{end}")
