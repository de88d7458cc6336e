#!/usr/bin/env bash
# Installs GAVO DaCHS on Debian 12, bound to this machine alone, for `pytest -m dachs`. Run as root.
set -euo pipefail
apt-get update -qq
apt-get install -y -qq postgresql-15 postgresql-15-pgsphere postgresql-15-q3c
# pg_sphere 1.2.0 names commutators that the operators @ of MOCs do not have.
python3 - /usr/share/postgresql/15/extension/pg_sphere--1.2.0.sql <<'PYTHON'
import pathlib, re, sys

def without(block):
    text = block[0]
    if re.search(r"RIGHTARG\s*=\s*smoc", text):
        text = re.sub(r"^\s*(COMMUTATOR|NEGATOR)\s*=.*\n", "", text, flags=re.M)
    return text

path = pathlib.Path(sys.argv[1])
path.write_text(re.sub(r"CREATE OPERATOR @ \(.*?\);", without, path.read_text(), flags=re.S))
PYTHON
pg_ctlcluster 15 main start 2>/dev/null || true
cat > /etc/gavo.rc <<'RC'
[web]
bindAddress: 127.0.0.1
serverPort: 18080
serverURL: http://127.0.0.1:18080
RC
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Options::=--force-confold gavodachs2-server
