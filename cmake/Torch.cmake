# libtorch, the guest of room torch. Found by its files, not by its TorchConfig.cmake, which would ask for
# the CUDA toolkit that we do not need. Torch_DIR names <prefix>/share/cmake/Torch of another libtorch.
function(qb_find_torch)
  set(prefixes)
  if(Torch_DIR)
    cmake_path(ABSOLUTE_PATH Torch_DIR NORMALIZE OUTPUT_VARIABLE directory)
    foreach(up RANGE 3)
      cmake_path(GET directory PARENT_PATH directory)
      list(APPEND prefixes ${directory})
    endforeach()
    find_path(QB_TORCH_INCLUDE_DIR torch/script.h HINTS ${prefixes} PATH_SUFFIXES include NO_DEFAULT_PATH)
    set(only NO_DEFAULT_PATH)
  endif()
  find_path(QB_TORCH_INCLUDE_DIR torch/script.h)
  foreach(library torch torch_cpu c10 torch_cuda c10_cuda)
    find_library(QB_LIB_${library} ${library} HINTS ${prefixes} PATH_SUFFIXES lib ${only})
    if(QB_LIB_${library})
      list(APPEND libraries ${QB_LIB_${library}})
    endif()
  endforeach()
  if(NOT QB_TORCH_INCLUDE_DIR OR NOT QB_LIB_torch OR NOT QB_LIB_torch_cpu OR NOT QB_LIB_c10)
    message(FATAL_ERROR "QB_TORCH: no libtorch found; ./dev setup --with-torch installs Debian's, "
                        "Torch_DIR names <prefix>/share/cmake/Torch of another")
  endif()
  add_library(qb_libtorch INTERFACE)
  target_include_directories(qb_libtorch SYSTEM INTERFACE
    ${QB_TORCH_INCLUDE_DIR} ${QB_TORCH_INCLUDE_DIR}/torch/csrc/api/include)
  # libtorch registers its kernels when it is loaded: its libraries must stay, used or not.
  target_link_libraries(qb_libtorch INTERFACE -Wl,--no-as-needed ${libraries} -Wl,--as-needed)
  # The C++ library's strings: libtorch's own flag, as its TorchConfig.cmake states it.
  if(Torch_DIR AND EXISTS ${Torch_DIR}/TorchConfig.cmake)
    file(STRINGS ${Torch_DIR}/TorchConfig.cmake flag REGEX "_GLIBCXX_USE_CXX11_ABI=0")
    if(flag)
      target_compile_definitions(qb_libtorch INTERFACE _GLIBCXX_USE_CXX11_ABI=0)
    endif()
  endif()
endfunction()

# qb_module(<name>)  src/<name>/ as one shared library that the program opens with dlopen: it links no
# room and shows one function. Its *_test.cc become tests that open it.
function(qb_module name)
  qb_find_torch()
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  add_library(quantbench_${name} MODULE ${sources})
  set(warnings -Wall -Wextra -Wpedantic -Wconversion $<$<BOOL:${QB_WERROR}>:-Werror>)
  target_compile_options(quantbench_${name} PRIVATE ${warnings} $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  target_compile_features(quantbench_${name} PRIVATE cxx_std_17)  # libtorch 1.13 is no C++20
  target_include_directories(quantbench_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src
                                                        ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(quantbench_${name} PRIVATE qb_libtorch nlohmann_json::nlohmann_json)
  set_target_properties(quantbench_${name} PROPERTIES CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  target_precompile_headers(quantbench_${name} PRIVATE <torch/script.h>)
  set_property(GLOBAL PROPERTY QB_TESTS_OF_MODULE ${tests})
endfunction()
