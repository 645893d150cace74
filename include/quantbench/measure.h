// measure: sizes, times, answers and the machine they came from. Raw figures only; it never judges.
#pragma once

#include "quantbench/measure/census.h"
#include "quantbench/measure/conditions.h"
#include "quantbench/measure/inputs.h"
#include "quantbench/measure/joules.h"
#include "quantbench/measure/latency.h"
#include "quantbench/measure/machine.h"
#include "quantbench/measure/natural.h"
#include "quantbench/measure/pass.h"
#include "quantbench/measure/predictions.h"
#include "quantbench/measure/server.h"
#include "quantbench/measure/size.h"
#include "quantbench/measure/sustained.h"
