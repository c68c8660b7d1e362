"""The certificate of Binance's dialects: made once, renewed in time, the same for all sandboxes."""

import datetime
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509

from freqtrade_balance_guard.sandbox import certificate


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def valid_until(path):
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def test_it_is_made_once_and_readable_by_its_owner_alone(folder):
    path = certificate.certificate_path()
    content = path.read_bytes()
    assert certificate.certificate_path() == path
    assert path.read_bytes() == content
    assert path.stat().st_mode & 0o077 == 0
    assert list(path.parent.iterdir()) == [path]
    certificate.server_context()


def test_sandboxes_that_start_at_once_use_the_same_one(folder):
    def start(_):
        return certificate.certificate_path().read_bytes()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(start, range(16)))) == 1


def test_it_is_renewed_before_it_ends_and_when_it_is_broken(folder, monkeypatch):
    path = certificate.certificate_path()
    monkeypatch.setattr(certificate, "_RENEW_BEFORE", datetime.timedelta(days=40))
    first = path.read_bytes()
    assert certificate.certificate_path().read_bytes() != first
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    path.write_text("broken")
    assert valid_until(certificate.certificate_path()) > datetime.datetime.now(datetime.UTC)
