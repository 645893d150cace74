# The guests: every third-party library, found on the system by ./dev setup's package list.
find_package(fmt 9 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)
find_package(Threads REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(PkgConfig REQUIRED)
pkg_check_modules(HIGHWAY REQUIRED IMPORTED_TARGET libhwy)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.36)
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
pkg_check_modules(LIBARCHIVE REQUIRED IMPORTED_TARGET libarchive)
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)
find_path(PROTOZERO_INCLUDE_DIR protozero/pbf_reader.hpp REQUIRED)

# ONNX Runtime: headers at build time only; the library is opened with dlopen.
# ./dev setup places both in .deps/onnxruntime; ONNXRUNTIME_ROOT names another place.
set(QB_ENGINE_PREFIX "${PROJECT_SOURCE_DIR}/.deps/onnxruntime")
find_path(QB_ORT_INCLUDE_DIR onnxruntime_c_api.h
  HINTS $ENV{ONNXRUNTIME_ROOT}/include ${QB_ENGINE_PREFIX}/include
  PATH_SUFFIXES onnxruntime onnxruntime/core/session REQUIRED)
set(QB_ENGINE_DEFAULT "${QB_ENGINE_PREFIX}/lib/libonnxruntime.so.1" CACHE STRING
  "the engine library tried after --engine and QUANTBENCH_ORT, before the system's")
add_library(onnxruntime_headers INTERFACE)
target_include_directories(onnxruntime_headers SYSTEM INTERFACE ${QB_ORT_INCLUDE_DIR})

add_library(tomlplusplus_headers INTERFACE)
target_include_directories(tomlplusplus_headers SYSTEM INTERFACE ${TOMLPLUSPLUS_INCLUDE_DIR})
add_library(protozero_headers INTERFACE)
target_include_directories(protozero_headers SYSTEM INTERFACE ${PROTOZERO_INCLUDE_DIR})
