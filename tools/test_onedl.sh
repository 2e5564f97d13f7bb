#!/usr/bin/env bash
# Train, resume, test and predict with OneDL's packages in place of mmengine,
# mmcv and mmpretrain, in .venv-onedl, which is made by the first call. It takes
# all other packages from the .venv of run_tests.sh.
#   test_onedl.sh [pytest options or other tests]
set -euo pipefail
source "$(dirname "$0")/setup_env.sh"
setup_env requirements/tests.txt requirements/optional.txt
unset PYTHONPATH  # test the installed package, not a checkout

site_packages() {
    "$1" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'
}

python=.venv-onedl/bin/python
[ -x "$python" ] || .venv/bin/python -m venv --without-pip .venv-onedl
# A .pth file comes last on the path, so the packages below hide the originals.
echo "import site; site.addsitedir('$(site_packages .venv/bin/python)')" \
    > "$(site_packages "$python")/others.pth"
install=(.venv/bin/python -m pip --python "$python" install -q --no-deps
    -c requirements/constraints.txt)
# In a build of its own, without torch, onedl-mmcv compiles nothing.
"${install[@]}" onedl-mmcv onedl-mmengine onedl-mmpretrain
"${install[@]}" --force-reinstall openmim  # for its script `mim`
"${install[@]}" --force-reinstall --no-build-isolation .

[ $# -gt 0 ] || set -- tests/test_compat.py tests/tools/test_mim.py \
    tests/engine/loops \
    tests/models/test_frame_recognizer.py \
    tests/tools/test_predict.py::test_outputs_of_a_video
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
"$python" -m pytest -n logical --maxprocesses 8 --dist loadfile \
    -p tests.helpers.without_mmaction2 "$@"
