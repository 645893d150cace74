// A source for the precompiled header of the tests to belong to.
#include "precompiled_tests.h"
