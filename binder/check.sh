#!/usr/bin/env bash
# Checks Binder's files with no Docker: repo2docker reads them, and the same steps are taken by hand
# in a clean virtual environment, where two notebooks run at once beside JupyterLab in 2 GB.
#
#   bash binder/check.sh [--read-only] [NOTEBOOK …]
#
# --read-only ends after repo2docker's part. Needs repo2docker (pip install jupyter-repo2docker) and
# psutil. STELLARNB_TORCH_INDEX replaces PyTorch's index of CPU builds; empty: the package index alone.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "== repo2docker reads the files"
# Debug prints the Dockerfile that it would build.
jupyter-repo2docker --no-build --debug . >"$work/dockerfile" 2>&1 || { cat "$work/dockerfile"; exit 1; }
wanted=$(sed 's/python-//' binder/runtime.txt)
for words in "conda environment for python=$wanted" "binder/requirements.txt" "binder/postBuild" "binder/start"; do
    grep -q -- "$words" "$work/dockerfile" || { echo "repo2docker does not use $words"; exit 1; }
done
python - "$wanted" <<'END'
import sys
from pathlib import Path

import repo2docker

# The package's labextension is built in the image, with the Node.js that repo2docker puts there.
lock = Path(repo2docker.__file__).parent / f"buildpacks/conda/environment.py-{sys.argv[1]}-linux-64.lock"
if "/nodejs-" not in lock.read_text():
    sys.exit(f"no Node.js in {lock.name}")
END
echo "Python $wanted, requirements, postBuild and start are used; Node.js is there"
if [ "${1:-}" = --read-only ]; then exit 0; fi

echo "== the same steps by hand"
mkdir "$work/home"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/home"
"python$wanted" -m venv "$work/venv"
# shellcheck disable=SC1091
. "$work/venv/bin/activate"
cd "$work/home"
index=${STELLARNB_TORCH_INDEX-https://download.pytorch.org/whl/cpu}
if [ -n "$index" ]; then
    sed -i "s|https://download.pytorch.org/whl/cpu|$index|" binder/requirements.txt
else
    sed -i '/extra-index-url/d' binder/requirements.txt
fi
pip install -q --disable-pip-version-check -r binder/requirements.txt
# A home of its own: nothing of the person who checks may be used, or changed.
mkdir "$work/person"
env -u PYTHONPATH HOME="$work/person" STELLARNB_CACHE="$work/cache" bash binder/postBuild
pip install -q --disable-pip-version-check -c binder/constraints.txt psutil nbclient

echo "== two kernels in 2 GB"
cd "$work"
notebooks=("$@")
if [ ${#notebooks[@]} -eq 0 ]; then notebooks=(00_tour 00_tour); fi
env -u PYTHONPATH HOME="$work/person" STELLARNB_CACHE="$work/cache" python "$work/home/binder/within.py" 2.0 \
    $(printf "$work/home/notebooks/%s.ipynb " "${notebooks[@]}")
