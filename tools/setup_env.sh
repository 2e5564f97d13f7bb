# Sourced by run_tests.sh and quickstart.sh. Makes .venv in the checkout and
# installs fer_ssl in it, with the versions of requirements/constraints.txt.
# A second call takes seconds, because it installs only fer_ssl itself again.
#   setup_env [requirements files]

find_python() {
    local name
    for name in "${PYTHON:-python3}" python3.{11,12,13,14,10,9}; do
        if "$name" -c 'import ensurepip, sys, venv
sys.exit(not (3, 9) <= sys.version_info < (3, 15))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo 'error: no Python 3.9 to 3.14 with venv found. Set PYTHON to one.' >&2
    return 1
}

setup_env() {
    local root python stamp pins=requirements/constraints.txt file
    local -a wanted=(-r requirements/runtime.txt)
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    cd "$root" || return
    for file in "$@"; do wanted+=(-r "$file"); done

    if [ ! -x .venv/bin/python ]; then
        python=$(find_python) || return
        echo "Creating .venv with $("$python" --version)."
        "$python" -m venv .venv || return
    fi
    # shellcheck disable=SC1091
    source .venv/bin/activate

    # One stamp per list of requirements, so that neither of the two scripts
    # makes the other one install again.
    stamp=.venv/installed-$(cat requirements/*.txt | cksum | cut -d' ' -f1)
    stamp+=-$(echo "${wanted[@]}" | cksum | cut -d' ' -f1)
    if [ ! -e "$stamp" ]; then
        echo 'Installing the requirements; PyTorch takes minutes.'
        python -m pip install -q -c "$pins" pip setuptools wheel || return
        python -m pip install -q -c "$pins" "${wanted[@]}" || return
        # A full mmcv that is already there must not be overwritten.
        python -c 'import mmcv' 2>/dev/null ||
            python -m pip install -q -c "$pins" -r requirements/lite.txt || return
        touch "$stamp"
    fi
    python -m pip install -q --no-deps --no-build-isolation \
        --force-reinstall . || return
}
