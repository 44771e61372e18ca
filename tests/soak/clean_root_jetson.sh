#!/usr/bin/env bash
# Run by clean_root.sh inside the root: JETSON_BUNDLE BUNDLE, both in /stick. A root that carries what JetPack
# leaves on a box: its release file, and Python packages of the system. The first is made for this
# processor by scripts/build-bundle --jetson; OpenCV comes from the second's wheel, TensorRT is a name.
set -euo pipefail
source /stick/clean_root_steps.sh
jetson=/stick/$1 bundle=/stick/$2 system=/usr/lib/python3/dist-packages
install=(sh /stick/install.sh --offline "$jetson")
files >/run/before

step "a bundle for JetPack where there is no OpenCV: its command is named, nothing is left"
refused 'no Python module cv2, .* apt-get install nvidia-jetpack' "${install[@]}"
files | comm -13 /run/before - | grep . && fail "something was left"

step "JetPack without TensorRT: named, and installed all the same"
printf '# R36 (release), REVISION: 4.3, GCID: 0, BOARD: generic, EABI: aarch64\n' >/etc/nv_tegra_release
mkdir -p /run/wheels
tar --extract --file "$bundle" --directory /run/wheels --wildcards 'wheels/opencv_*' 'wheels/numpy-*'
for wheel in /run/wheels/wheels/*.whl; do python3 -m zipfile --extract "$wheel" "$system"; done
"${install[@]}" 2>&1 | tee /run/said
for words in 'no TensorRT.*apt-get install nvidia-jetpack' 'no pycuda.*pip3 install pycuda' 'no GStreamer.*apt-get install python3-gi'; do
    grep -q "$words" /run/said || fail "it did not say: $words"
done

step "with TensorRT: the system's are used, not shadowed"
mkdir -p "$system/tensorrt" "$system/pycuda"
echo '__version__ = "10.3.0"' >"$system/tensorrt/__init__.py"
touch "$system/pycuda/__init__.py"
"${install[@]}" 2>&1 | tee /run/said
grep -qE 'no (TensorRT|pycuda)' /run/said && fail "it did not see them"
/opt/edge/current/bin/python - "$system" <<'END'
import sys
import cv2, numpy, pycuda, tensorrt
for module in (cv2, tensorrt, pycuda):
    print(module.__name__, module.__file__)
    assert module.__file__.startswith(sys.argv[1]), module.__file__
print("numpy", numpy.__version__, numpy.__file__)
assert numpy.__file__.startswith("/opt/edge/") and int(numpy.__version__.split(".")[0]) < 2
END
find /opt/edge/releases \( -name 'cv2*' -o -name 'tensorrt*' -o -name 'opencv*' \) ! -path '*/site-packages/edge/*' | grep . && fail "shadowed"
edge check --config /etc/edge/example || true
sh /stick/install.sh --uninstall --purge
nothing_is_left
