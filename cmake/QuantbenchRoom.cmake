# qb_room(<name> [USES <room>...] [LINKS <target>...] [TEST_LINKS <target>...] [LONE_TESTS <stem>...] [COLD])
# Declares src/<name>/ as one static library; its *_test.cc files become its test, <name>_tests. USES are
# the rooms whose doors it may walk through, LINKS its guests. LONE_TESTS need a process of their own. A COLD room
# computes little: under the sanitizers it is compiled quickly rather than well, in half of the time.
function(qb_room name)
  cmake_parse_arguments(PARSE_ARGV 1 room "COLD" "" "USES;LINKS;TEST_LINKS;LONE_TESTS")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")

  add_library(qb_${name} STATIC ${sources})
  set(kernels ${sources})  # Highway compiles these once a target: each for itself
  list(FILTER kernels INCLUDE REGEX "/kernels_[^/]*\\.cc$")
  set_source_files_properties(${kernels} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  add_library(quantbench::${name} ALIAS qb_${name})
  qb_warnings(qb_${name})
  if(room_COLD AND QB_SANITIZE)
    target_compile_options(qb_${name} PRIVATE -O0)  # and no precompiled header, which is optimized
  elseif(name STREQUAL "base")
    target_include_directories(qb_base PRIVATE ${PROJECT_SOURCE_DIR}/cmake)
    target_precompile_headers(qb_base PRIVATE <precompiled.h>)  # no absolute path: ccache finds it again
  else()
    target_precompile_headers(qb_${name} REUSE_FROM qb_base)
  endif()
  target_include_directories(qb_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include
                                        PRIVATE ${PROJECT_SOURCE_DIR}/src)
  list(TRANSFORM room_USES PREPEND quantbench::)
  target_link_libraries(qb_${name} PUBLIC ${room_USES} PRIVATE ${room_LINKS})
  set_property(GLOBAL APPEND PROPERTY QB_ROOMS ${name})
  set_property(GLOBAL PROPERTY QB_TESTS_OF_${name} ${tests})
  set_property(GLOBAL PROPERTY QB_TEST_LINKS_OF_${name} ${room_TEST_LINKS})
  set_property(GLOBAL PROPERTY QB_LONE_TESTS_OF_${name} ${room_LONE_TESTS})
endfunction()

# The warnings and the sanitizers every target of ours is built with.
function(qb_warnings target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  # Both let ccache see through precompiled headers.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>
                                           "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>"
                                           -Wall -Wextra -Wpedantic -Wconversion
                                           # names of one source shadow another's only where they are joined
                                           $<$<NOT:$<BOOL:${CMAKE_UNITY_BUILD}>>:-Wshadow>
                                           # GCC 12 sees uninitialized reads that are not there, in joined sources
                                           $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${CMAKE_UNITY_BUILD}>>:-Wno-maybe-uninitialized>
                                           $<$<BOOL:${QB_WERROR}>:-Werror>)
  if(QB_SANITIZE)
    # GCC 12 sees uninitialized reads in the standard library's instrumented code that are not there.
    target_compile_options(${target} PUBLIC -fsanitize=${QB_SANITIZE} -fno-omit-frame-pointer
                                            -fno-sanitize-recover=all
                                            $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
    target_link_options(${target} PUBLIC -fsanitize=${QB_SANITIZE})
  endif()
endfunction()

# qb_test(<source> [<target>...])  One GoogleTest executable from one source file, named after its stem.
function(qb_test source)
  cmake_path(GET source STEM name)
  qb_tests(${name} SOURCES ${source} LINKS ${ARGN})
endfunction()

# qb_tests(<name> SOURCES <source>... LINKS <target>...)  One GoogleTest executable, which is one test of ctest.
function(qb_tests name)
  cmake_parse_arguments(PARSE_ARGV 1 test "" "" "SOURCES;LINKS")
  add_executable(${name} ${test_SOURCES})
  set_target_properties(${name} PROPERTIES UNITY_BUILD_BATCH_SIZE 9)  # where joined: so many at once, both cores work
  qb_warnings(${name})
  # What is tested is optimized and has lines in reports; the test itself is quickly compiled.
  target_compile_options(${name} PRIVATE -O0 -g0)
  if(NOT TARGET qb_test_headers)  # GoogleTest and the doors, parsed once for all tests
    add_executable(qb_test_headers ${PROJECT_SOURCE_DIR}/cmake/precompiled_tests.cc)
    qb_warnings(qb_test_headers)
    target_compile_options(qb_test_headers PRIVATE -O0 -g0)
    target_link_libraries(qb_test_headers PRIVATE quantbench::base GTest::gmock GTest::gtest_main)
    target_include_directories(qb_test_headers PRIVATE ${PROJECT_SOURCE_DIR}/cmake)
    target_precompile_headers(qb_test_headers PRIVATE <precompiled_tests.h>)
  endif()
  target_precompile_headers(${name} REUSE_FROM qb_test_headers)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE QB_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                                             QB_ENGINE_DEFAULT="${QB_ENGINE_DEFAULT}"
                                             QB_BINARY="$<TARGET_FILE:quantbench>"
                                             QB_TORCH_MODULE="$<$<BOOL:${QB_TORCH}>:${PROJECT_BINARY_DIR}/libquantbench_torch.so>")
  target_link_libraries(${name} PRIVATE ${test_LINKS} quantbench::base GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_dependencies(${name} quantbench)  # some tests run the program
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 600)
  if(name MATCHES "study_test|huge_model|torch|command|quantize_test|report_tests")
    set_tests_properties(${name} PROPERTIES COST 100)  # the longest start first
  endif()
endfunction()

function(qb_room_tests)
  get_property(rooms GLOBAL PROPERTY QB_ROOMS)
  foreach(room IN LISTS rooms)
    get_property(tests GLOBAL PROPERTY QB_TESTS_OF_${room})
    get_property(links GLOBAL PROPERTY QB_TEST_LINKS_OF_${room})
    get_property(lone_stems GLOBAL PROPERTY QB_LONE_TESTS_OF_${room})
    foreach(stem IN LISTS lone_stems)
      qb_test(${PROJECT_SOURCE_DIR}/src/${room}/${stem}.cc quantbench::${room} ${links})
      list(REMOVE_ITEM tests ${PROJECT_SOURCE_DIR}/src/${room}/${stem}.cc)
    endforeach()
    if(tests)
      qb_tests(${room}_tests SOURCES ${tests} LINKS quantbench::${room} ${links})
    endif()
  endforeach()
endfunction()

# Those of the module (cmake/Torch.cmake): they open it as the program does, and make models with libtorch.
function(qb_module_tests)
  get_property(tests GLOBAL PROPERTY QB_TESTS_OF_MODULE)
  foreach(test IN LISTS tests)
    qb_test(${test} quantbench::run qb_libtorch)
  endforeach()
endfunction()
