// tilework-archs: 90a
// What an f32 product on the tensor cores takes beside its products: the pass before them (tilework/matmul/split_pass.h), and
// ordinary arithmetic where no scheme is accurate. src/backend/cuda/matmul/split.rs launches them.
#include "tilework/dependent.h"
#include "tilework/matmul/simt_kernel.h"
#include "tilework/matmul/split_conclude.h"
#include "tilework/matmul/split_pass.h"

extern "C" __global__ void __launch_bounds__(tw::SPLIT_THREADS, 2) matmul_split_f16(const __grid_constant__ TwSplit s) {
    tw::split_pass<tw::SplitWriter<tw::SPLIT_F16>, tw::SPLIT_KEPT>(s);
}

// For a product of factors rounded to 11 bits.
extern "C" __global__ void __launch_bounds__(tw::SPLIT_THREADS, 2) matmul_split_tf32(const __grid_constant__ TwSplit s) {
    tw::split_pass<tw::SplitMatrixWriter, tw::SPLIT_KEPT>(s);
}

// A grid of any size, since it mostly has nothing to do.
extern "C" __global__ void __launch_bounds__(tw::SPLIT_THREADS) matmul_split_bf16(const __grid_constant__ TwSplit s) {
    tw::wait_for_previous_kernel();
    tw::admit_next_kernel();
    if (tw::split_conclude<true>(s).scheme == tw::SPLIT_BF16) tw::split_again(s);
}

// A tile of 128 x 128 for each block. The last kernel of a product.
extern "C" __global__ void __launch_bounds__(tw::SimtShape<float, 128, 128, 16, 8, 8, 3, 1>::THREADS, 2)
    matmul_split_none(const __grid_constant__ TwSplit s) {
    tw::wait_for_previous_kernel();
    tw::split_forget(s);
    if (tw::split_verdict(s).scheme == tw::SPLIT_NONE) tw::simt_matmul<float, 128, 128, 16, 8, 8, 3, 1>(s.product);
}
