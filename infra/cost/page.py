"""Writes docs/cost.md: `python -m infra.cost.page`."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from infra.cost.bill import bill, table
from infra.cost.fleet import PROFILES, Fleet
from infra.options import Options, changed, load

PAGE = Path(__file__).parents[2] / "docs" / "cost.md"
SIZES = (10, 100, 500, 10_000, 40_000, 1_000_000)
VARIANTS: dict[str, dict[str, object]] = {
    "the defaults (`dev`)": {},
    "two zones, a gateway in each": {"availability_zones": 2, "min_tasks": 2},
    "without Basic Ingest": {"basic_ingest": False},
    "every heartbeat forwarded": {"heartbeats": "forward"},
    "a link per charge point": {"charge_points_per_link": 1},
    "a NAT gateway": {"egress": "nat"},
    "interface endpoints": {"egress": "endpoints"},
    "workers instead of functions": {"processors": "workers"},
    "a canary every minute": {"canary": True},
    "the HTTP API by a name, with a firewall": {
        "http_api": True,
        "api_domain": {"name": "api.example.com", "zone": "example.com", "hosted_zone_id": "Z0"},
        "web_acl_arn": "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/a/b",
    },
}

TEXT = """# What it costs

`ocppgw cost --charge-points 500` prices a fleet on AWS, a month, by service and line; `--output json` for scripts,
`--profile`, `--stations`, `--options` (a preset or the YAML file that you deploy) and `--with NAME=VALUE` for each
option. The prices are one file, `infra/cost/prices.yaml`: list prices of {region}, {as_of}, in USD, without discounts
and taxes; what AWS gives every account for ever (a million SQS requests a month and the like) is taken off, what it
gives new accounts is not. They were written down by hand: look at AWS's pages before you decide by them. Looked up were
only what IoT Core meters (a PUBACK of a device counts with MQTT 5) and Fargate's prices, by those of x86 less 20 %.

This page is made by `python -m infra.cost.page`.

## A month, by fleet and option

Profile `typical`: {typical}.

{variants}

By profile, with the defaults:

{profiles}

{stations}

## Where the money goes

{services}

## Quotas

What the fleet wants at its peak (three times the mean; all charge points back within two minutes after an outage)
where that is more than an account has. Ask for these before the fleet grows.

{quotas}

## What is assumed

- A CALL writes and reads DynamoDB in batches of one record: Heartbeat and Authorize 0 write and 2 read units,
  StatusNotification 5 and 4, StartTransaction 12 and 8, MeterValues 2.3 and 3 (and one write for the latest values),
  StopTransaction 7 and 7. The facts were counted on the API. The events they tell are added: the fact's write twice,
  for it is transactional, three units for the event and its index, and a Query. Of meter values one in fifteen tells.
- A gateway's lease is a write every ten seconds, last-seen four a day.
- A round of the canary is four CALLs, two commands, a connect, and four seconds of a 512 MB function.
- Not counted: the requests and functions that a webhook takes per event; spans in X-Ray.
- Each answer is three messages of AWS IoT Core: to the broker, to the gateway, and the gateway's PUBACK.
- Processors get batches of one record below ten a second, ten from a hundred a second on; 20 ms of a 512 MB function
  each. Each of the five pollers of a queue hands the archive what came in its window, two minutes of frames or five
  seconds of stations, a thousand at most.
- Each queue is asked 15 times a minute when it is empty. What comes is sent by the rule one by one; for the archive it
  is received and deleted by ten, which AWS promises nobody: one by one would be 0.9 requests more for each frame.
- Storage is that of a fleet after its first year, less what `retention` has removed by then: frames are kept 30 days,
  events 90. Of commands and reports it is not counted. In the archive a frame is 70 bytes, a sample 60 (1,000 a file,
  compressed). Files of the archive stay below the 128 KB from which S3 moves
  objects to Glacier by itself.
- A frame on the wire is 500 bytes and its answer 300, TLS and TCP included.
"""


def page() -> str:
    """The whole text."""
    options, typical = load("dev"), PROFILES["typical"]
    return TEXT.format(
        region=table()["region"],
        as_of=table()["as_of"],
        typical=typical.about,
        variants=_grid("option", ((name, _of(options, change)) for name, change in VARIANTS.items())),
        profiles=_rows(
            ("profile", *(f"{size:,}" for size in SIZES)),
            (
                (
                    f"`{name}`: {profile.about}",
                    *(_usd(bill(Fleet(size, profile), _of(options, {})).total) for size in SIZES),
                )
                for name, profile in PROFILES.items()
            ),
        ),
        stations=(
            "Fifty battery-swapping stations with a message every five seconds add "
            f"{_usd(bill(Fleet(500, typical, 50), options).total - bill(Fleet(500, typical), options).total)} USD."
        ),
        services=_services(options),
        quotas=_quotas(options),
    )


def _of(options: Options, change: dict[str, object]) -> Options:
    return changed(options, {"max_tasks": 500} | change)


def _usd(usd: float) -> str:
    return f"{usd:,.0f}" if usd >= 1_000 else f"{usd:,.2f}"


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def _grid(first: str, variants: Iterable[tuple[str, Options]]) -> str:
    typical = PROFILES["typical"]
    return _rows(
        (first, *(f"{size:,}" for size in SIZES)),
        ((name, *(_usd(bill(Fleet(size, typical), options).total) for size in SIZES)) for name, options in variants),
    )


def _services(options: Options) -> str:
    bills = [bill(Fleet(size, PROFILES["typical"]), _of(options, {})) for size in SIZES]
    names = list(bills[2].services)
    return _rows(
        ("service", *(f"{size:,}" for size in SIZES)),
        [(name, *(_usd(each.services.get(name, 0.0)) for each in bills)) for name in names],
    )


def _quotas(options: Options) -> str:
    rows = []
    for size in SIZES:
        for quota in bill(Fleet(size, PROFILES["typical"]), _of(options, {})).quotas:
            if not quota.is_enough:
                rows.append((f"{size:,}", f"`{quota.name}`", f"{quota.limit:,.0f}", f"{quota.wanted:,.0f}"))
    return _rows(("charge points", "quota", "default", "wanted"), rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
