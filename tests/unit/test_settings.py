"""Process settings: what each variable takes, and how one that is wrong is described."""

from dataclasses import fields
from pathlib import Path

import pytest

from bff.errors import SettingsError
from bff.settings import Settings, describe_ignored, load_settings
from tests.support.gateway.kubernetes import KUBERNETES

EXAMPLES = {
    "BFF_PROJECT": ("/srv/shop", Path("/srv/shop")),
    "BFF_SECRETS_DIR": ("/run/secrets", Path("/run/secrets")),
    "BFF_APP": ("shop.web:app", "shop.web:app"),
    "BFF_HOST": ("0.0.0.0", "0.0.0.0"),
    "BFF_PORT": ("9000", 9000),
    "BFF_WORKERS": ("4", 4),
    "BFF_CERTFILE": ("tls/cert.pem", Path("tls/cert.pem")),
    "BFF_KEYFILE": ("tls/key.pem", Path("tls/key.pem")),
    "BFF_GRACE_SECONDS": ("10", 10.0),
    "BFF_CONNECTIONS": ("100", 100),
    "BFF_REQUESTS_IN_FLIGHT": ("100", 100),
    "BFF_WEBSOCKETS": ("100", 100),
    "BFF_WEBSOCKET_IDLE_SECONDS": ("60", 60.0),
    "BFF_REQUEST_LINE_BYTES": ("4096", 4096),
    "BFF_HEADER_BYTES": ("4096", 4096),
    "BFF_HEADER_LINES": ("50", 50),
    "BFF_BODY_BYTES": ("0", 0),
    "BFF_SERVICE_REPLY_BYTES": ("1048576", 1_048_576),
    "BFF_HEAD_SECONDS": ("0.5", 0.5),
    "BFF_IDLE_SECONDS": ("620", 620.0),
    "BFF_SPEED_SECONDS": ("5", 5.0),
    "BFF_BODY_BYTES_PER_SECOND": ("0", 0),
    "BFF_REPLY_BYTES_PER_SECOND": ("100", 100),
    "BFF_REDIS_URL": ("redis://cache:6379/1", "redis://cache:6379/1"),
    "BFF_TRANSPORT": ("httpx", "httpx"),
    "BFF_LOG_LEVEL": ("warning", "warning"),
    "BFF_LOG_FORMAT": ("text", "text"),
    "BFF_LOG_SAMPLE": ("0.1", 0.1),
    "BFF_SLOW_SECONDS": ("0.25", 0.25),
    "BFF_CACHE_MEMORY_BYTES": ("0", 0),
    "BFF_FLASK_THREADS": ("3", 3),
    "BFF_ADMIN_TOKEN": ("0123456789abcdef", "0123456789abcdef"),
    "BFF_METRICS_PORT": ("9100", 9100),
    "BFF_METRICS_HOST": ("0.0.0.0", "0.0.0.0"),
    "BFF_METRICS_TOKEN": ("0123456789abcdef", "0123456789abcdef"),
}


def test_empty_environment_gives_the_defaults() -> None:
    assert load_settings({"PATH": "/bin"}) == Settings()


def test_every_setting_has_a_variable() -> None:
    assert set(EXAMPLES) == {
        f"BFF_{field.name.upper()}" for field in fields(Settings) if field.metadata
    }


@pytest.mark.parametrize("variable", EXAMPLES)
def test_variable_sets_its_field_alone(variable: str) -> None:
    text, value = EXAMPLES[variable]
    settings = load_settings({variable: text})
    field = variable.removeprefix("BFF_").lower()
    assert getattr(settings, field) == value
    assert value != getattr(Settings(), field)
    assert settings == Settings(**{field: value})


def test_empty_variable_counts_as_unset() -> None:
    assert load_settings({"BFF_PORT": "", "BFF_REDIS_URL": "", "REDIS_URL": ""}) == Settings()


def test_plain_redis_url_is_taken_where_bff_has_none() -> None:
    assert load_settings({"REDIS_URL": "redis://a"}).redis_url == "redis://a"
    both = {"REDIS_URL": "redis://a", "BFF_REDIS_URL": "redis://b"}
    assert load_settings(both).redis_url == "redis://b"


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("BFF_PORT", "http"),
        ("BFF_PORT", "0"),
        ("BFF_PORT", "65536"),
        ("BFF_PORT", "-1"),
        ("BFF_PORT", "http://10.0.0.1:8080"),
        ("BFF_PORT", "1_0"),
        ("BFF_PORT", "٣"),
        ("BFF_PORT", "9" * 5000),
        ("BFF_WORKERS", "0"),
        ("BFF_APP", "shop"),
        ("BFF_APP", "shop/web.py:app"),
        ("BFF_APP", "shop:make()"),
        ("BFF_GRACE_SECONDS", "-1"),
        ("BFF_TRANSPORT", "curl"),
        ("BFF_LOG_LEVEL", "INFO"),
        ("BFF_LOG_FORMAT", "JSON"),
        ("BFF_LOG_SAMPLE", "1.1"),
        ("BFF_LOG_SAMPLE", "10%"),
        ("BFF_LOG_SAMPLE", "-0.1"),
        ("BFF_LOG_SAMPLE", "nan"),
        ("BFF_SLOW_SECONDS", "-1"),
        ("BFF_SLOW_SECONDS", "3601"),
        ("BFF_CACHE_MEMORY_BYTES", "1.5"),
        ("BFF_HEAD_SECONDS", "0"),
        ("BFF_HEAD_SECONDS", "3601"),
        ("BFF_HEAD_SECONDS", "1e1"),
        ("BFF_HEAD_SECONDS", "nan"),
        ("BFF_HEAD_SECONDS", "-1"),
        ("BFF_HEAD_SECONDS", ".5"),
        ("BFF_HEAD_SECONDS", "10 s"),
        ("BFF_HEADER_LINES", "0"),
        ("BFF_REDIS_URL", "localhost:6379"),
        ("BFF_REDIS_URL", "redis+sentinel+cluster://a"),
        ("REDIS_URL", "http://localhost"),
        ("BFF_ADMIN_TOKEN", "fifteen-letters"),
        ("BFF_ADMIN_TOKEN", "sixteen letters!"),
        ("BFF_ADMIN_TOKEN", "sechzehn-zeichen-ä"),
        ("BFF_METRICS_PORT", "0"),
        ("BFF_METRICS_PORT", "on"),
        ("BFF_METRICS_TOKEN", "fifteen-letters"),
    ],
)
def test_unusable_value_is_refused_by_the_variables_name(variable: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable}: "):
        load_settings({variable: text})


@pytest.mark.parametrize(
    "url",
    [
        "redis://cache", "rediss://user:secret@cache:6380/2", "unix:///run/redis.sock?db=1",
        "valkey://cache", "redis+sentinel://one:26379,two:26379,three/primary/0",
        "rediss+cluster://one,two:7001", "valkeys+sentinel://one/primary",
    ],
)  # fmt: skip
def test_redis_url_may_be_of_one_server_of_sentinels_or_of_a_cluster(url: str) -> None:
    assert load_settings({"BFF_REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize("variable", ["BFF_ADMIN_TOKEN", "BFF_METRICS_TOKEN"])
def test_token_is_not_shown_with_the_settings_nor_repeated_where_it_is_refused(
    variable: str,
) -> None:
    with pytest.raises(SettingsError, match="openssl rand") as refused:
        load_settings({variable: "hunter2"})
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(load_settings({variable: "hunter2hunter2hunter2"}))


def test_metrics_are_there_for_a_port_or_a_token_alone() -> None:
    assert not load_settings({"BFF_METRICS_HOST": "0.0.0.0"}).has_metrics
    assert load_settings({"BFF_METRICS_PORT": "9100"}).has_metrics
    assert load_settings({"BFF_METRICS_TOKEN": "0123456789abcdef"}).has_metrics


@pytest.mark.parametrize(
    "url",
    [
        "amqp://user:hunter2@host",
        "redis://user:hunter2",  # taken for a port
        "redis://user:hunter2@host:six",
        "redis://user:hunter2@ho\u2100st",  # urlsplit says what it refuses
        "redis://user:hunter2@[host",
        "redis+sentinel://user:hunter2@one:26379,two:six/primary",
    ],
)
def test_refused_redis_url_is_not_repeated_for_it_may_hold_a_password(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^BFF_REDIS_URL: \S+") as refused:
        load_settings({"BFF_REDIS_URL": url})
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_every_unusable_variable_has_a_line_of_its_own() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(
            {
                "REDIS_URL": "http://cache",
                "BFF_WORKERS": "many",
                "BFF_PORT": "9000",
                "BFF_TRANSPORT": "curl",
            }
        )
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
        "BFF_TRANSPORT",
        "BFF_WORKERS",
        "REDIS_URL",
    ]


def test_unknown_variable_is_ignored_and_described_with_the_nearest_name() -> None:
    environ = {"BFF_WORKER": "2", "BFF_BOGUS": "", "BFF_PORT": "9000", "PATH": "/bin"}
    assert load_settings(environ) == Settings(port=9000)
    assert describe_ignored(environ) == [
        "BFF_BOGUS is ignored: no such setting.",
        "BFF_WORKER is ignored: no such setting. Did you mean BFF_WORKERS?",
    ]


def test_address_for_metrics_without_their_port_is_described() -> None:
    (line,) = describe_ignored({"BFF_METRICS_HOST": "0.0.0.0"})
    assert line == "BFF_METRICS_HOST is ignored: set BFF_METRICS_PORT, whose address it is."
    assert describe_ignored({"BFF_METRICS_HOST": "::", "BFF_METRICS_PORT": "9464"}) == []


def test_variables_of_kubernetes_for_a_service_called_bff_are_ignored_and_described_once() -> None:
    assert load_settings(KUBERNETES) == Settings()
    (line,) = describe_ignored(KUBERNETES)
    assert all(variable in line for variable in KUBERNETES)
    assert "enableServiceLinks: false" in line


def test_port_of_ones_own_beside_those_of_kubernetes_is_used() -> None:
    environ = {**KUBERNETES, "BFF_PORT": "9000"}
    assert load_settings(environ) == Settings(port=9000)
    assert "BFF_PORT," not in describe_ignored(environ)[0]
