"""Empty stand-ins for the CUDA libraries that PyPI's torch is linked with, so that it runs on a machine without a GPU. Every function fails, as it would without a device.

usage: python3 stub_cuda.py <folder that holds torch> <folder for the libraries>     needs cc and readelf
"""

import glob
import os
import re
import subprocess
import sys

NO_DEVICE = 100  # cudaErrorNoDevice
# What torch asks for the words of an error: a number in place of a text would end the process.
TEXTS = re.compile(r"(cuda|cublas|cudnn|cusparse|nccl|nvrtc)\w*(ErrorString|ErrorName|StatusString)")
CUDA = re.compile(r"lib(cu|nv|nccl)[\w-]*\.so\.\d+")


def readelf(*args: str) -> str:
    return subprocess.run(["readelf", "-W", *args], check=True, capture_output=True, text=True).stdout


def wanted(torch_folder: str) -> dict[str, dict[str, set[str]]]:
    """Functions by library and version. Those without a version say not whose they are: all libraries without versions get them."""
    libraries: dict[str, dict[str, set[str]]] = {}
    unversioned: set[str] = set()
    for library in glob.glob(os.path.join(torch_folder, "torch", "lib", "*.so*")):
        for name in CUDA.finditer(readelf("-d", library)):
            libraries.setdefault(name.group(), {})
        file_of = {}
        for line in readelf("-V", library).splitlines():
            if file := re.search(r"File: (\S+)", line):
                name = file.group(1)
            elif version := re.search(r"Name: (\S+)", line):
                file_of[version.group(1)] = name
        unversioned |= set(re.findall(r"UND ((?:cu|nccl|nv)\w+)$", readelf("--dyn-syms", library), re.MULTILINE))
        for function, version in re.findall(r"UND (\w+)@(\S+)", readelf("--dyn-syms", library)):
            if CUDA.fullmatch(file_of.get(version, "")):
                libraries.setdefault(file_of[version], {}).setdefault(version, set()).add(function)
    return {name: versions or {"": unversioned} for name, versions in libraries.items() if not os.path.exists(os.path.join(torch_folder, "torch", "lib", name))}


def stub(function: str) -> str:
    if TEXTS.fullmatch(function):
        return f'const char *{function}(void) {{ return "there is no device"; }}\n'
    return f"int {function}(void) {{ return {NO_DEVICE}; }}\n"


def build(name: str, versions: dict[str, set[str]], folder: str) -> None:
    source, script = os.path.join(folder, f"{name}.c"), os.path.join(folder, f"{name}.map")
    with open(source, "w", encoding="utf-8") as text:
        text.writelines(stub(function) for functions in versions.values() for function in sorted(functions))
    with open(script, "w", encoding="utf-8") as text:
        text.writelines(f"{version} {{ global: {'; '.join(sorted(functions))}; }};\n" for version, functions in versions.items())
    options = [] if "" in versions else [f"-Wl,--version-script={script}"]
    subprocess.run(["cc", "-shared", "-fPIC", "-w", f"-Wl,-soname,{name}", *options, source, "-o", os.path.join(folder, name)], check=True)
    os.remove(source)
    os.remove(script)


if __name__ == "__main__":
    _, torch_folder, folder = sys.argv
    os.makedirs(folder, exist_ok=True)
    for library, its_versions in wanted(torch_folder).items():
        build(library, its_versions, folder)
