// What a header needs in order to be compiled by nvcc for the GPU and by a host compiler for the tests alike.
//
// A function marked TW_HD is device code that also runs on the host: tests/host-twins compiles it with the host's C++
// compiler, and tests on machines without a GPU sweep it. It may call only other such functions and <math.h>.
#pragma once

#include <stdint.h>

#ifdef __CUDACC__
#define TW_HD __host__ __device__ __forceinline__
#else
#define TW_HD inline
#endif
