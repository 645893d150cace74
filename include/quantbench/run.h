// run: does what is asked: one case at a time, the engine's part of each in a disposable worker.
#pragma once

#include "quantbench/run/bench.h"
#include "quantbench/run/doctor.h"
#include "quantbench/run/explain.h"
#include "quantbench/run/payoff.h"
#include "quantbench/run/quantize.h"
#include "quantbench/run/roofline.h"
#include "quantbench/run/selftest.h"
#include "quantbench/run/study.h"
#include "quantbench/run/torch.h"
#include "quantbench/run/worker.h"
