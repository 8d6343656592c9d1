from pathlib import Path

from deploy.local.endpoints import Endpoints
from deploy.local.statedir import StateDir
from deploy.local.supervisor import manner
from deploy.local.up import summary

STATE = StateDir(Path("/state"))


def test_the_summary_names_both_addresses_and_a_query_that_works_as_it_stands() -> None:
    text = summary(Endpoints("127.0.0.1:1", "http://default:@127.0.0.1:2/metering"), STATE, seconds=3.0)
    assert "127.0.0.1:1" in text
    assert "curl 'http://127.0.0.1:2/?database=metering' --data-binary 'SELECT" in text


def test_the_query_of_the_summary_keeps_the_credentials_of_a_server_elsewhere() -> None:
    text = summary(Endpoints("k:1", "https://ada:secret@clickhouse:8443/usage"), STATE, seconds=3.0)
    assert "curl 'https://ada:secret@clickhouse:8443/?database=usage'" in text


def test_how_a_process_ended_is_told_in_words() -> None:
    assert manner(0) == "with exit code 0"
    assert manner(-9) == "by SIGKILL"
    assert manner(-250) == "by signal 250"
