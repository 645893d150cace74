// The program's entry.
#include "quantbench/cli.h"

int main(int argc, char** argv) {
  return quantbench::Main(argc, argv);
}
