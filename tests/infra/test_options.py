"""What a deployment may choose, and what it is told when that can't be."""

import re
from pathlib import Path

import pytest

from infra.options import PRESETS, Options, OptionsError, Retention, load

PAGE = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text().partition("## Options")[2]


def written(directory: Path, text: str) -> str:
    path = directory / "options.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", ["local", "dev"])
def test_a_preset_needs_nothing_else(name: str) -> None:
    assert load(name).preset == name


def test_prod_wants_to_know_where_tls_ends() -> None:
    with pytest.raises(OptionsError, match=r"^prod: tls is none: prod then has no wss"):
        load("prod")


def test_a_file_changes_its_preset(tmp_path: Path) -> None:
    options = load(written(tmp_path, "{preset: prod, plain: true, egress: nat}"))

    assert (options.preset, options.egress, options.min_tasks, options.availability_zones) == ("prod", "nat", 2, 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{egress: tunnel}", "egress is 'tunnel': Input should be 'public', 'nat' or 'endpoints'."),
        ("{preset: huge}", "preset is 'huge': it must be one of local, dev, prod."),
        ("{min_taks: 3}", "min_taks is 3: Extra inputs are not permitted."),
        ("{preset: prod, plain: true, min_tasks: 1}", "min_tasks must be 2 or more in prod."),
        ("{preset: prod, plain: true, availability_zones: 1}", "availability_zones must be 2 or more in prod."),
        ("{min_tasks: 21}", "min_tasks is more than max_tasks."),
        ("{task_memory_mib: 700}", "task_memory_mib must be one of 512, 1024, 2048 with 256 CPU units."),
        ("{log_retention_days: 8}", "log_retention_days must be one of 1, 3, 5, 7, 14, 30"),
        (
            "{connections_per_task: 60000}",
            "connections_per_task is more than 50,000 for each of its target_ports.",
        ),
        (
            "{connections_per_task: 200000, target_ports: 2}",
            "connections_per_task is 200000: Input should be less than or equal to 100000.",
        ),
        ("{tls: load_balancer}", "tls load_balancer needs a domain."),
        ("{canary: true, tls: gateway}", "canary needs a domain with tls: the certificate has no other name"),
        ("{canary: true, min_profile: 3}", "canary has no certificate: min_profile must be 2 at most"),
        ("{http_api: true}", "http_api needs an api_domain."),
        (
            "{web_acl_arn: 'arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/a/b'}",
            "web_acl_arn makes sense with http_api only",
        ),
        ("{web_acl_arn: global}", "web_acl_arn is 'global'"),
        ("{spans: xray}", "spans need tracing"),
        ("{tracing: 1, spans: jaeger}", "spans is 'jaeger'"),
        ("{tracing: 2}", "tracing is 2: Input should be less than or equal to 1."),
        ("{client_certificates: true}", "client_certificates need tls gateway."),
        ("{domain: {name: a.example.org, zone: example.com, hosted_zone_id: Z1}}", "a.example.org is not in the zone"),
        ('{thing_type: "x\' OR 1"}', 'thing_type is "x\' OR 1"'),
        ("[1]", "names no options."),
        ("{", "can't be read"),
    ],
)
def test_what_can_t_be_is_one_sentence_that_names_it(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(OptionsError) as refused:
        load(written(tmp_path, text))

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match=r"can't be read"):
        load(str(tmp_path / "none.yaml"))


def test_every_option_is_described_with_its_defaults() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE, re.MULTILINE))

    assert set(rows) == set(Options.model_fields)
    for name, field in Options.model_fields.items():
        prod = ({"preset": "prod"} | PRESETS["prod"]).get(name, field.default)
        expected = {str(value).lower() for value in (field.default, prod)}
        assert {part.strip().lower() for part in rows[name].split(";")} == {_shown(value) for value in expected}, name


def _shown(value: str) -> str:
    return {"('0.0.0.0/0',)": "0.0.0.0/0", str(Retention()).lower(): "[privacy](privacy.md)"}.get(value, value)
