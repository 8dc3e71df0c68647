// The deferred output of a plain tile of tilework/matmul/wgmma_kernel.h: it waits in the registers, rounded to 16 bits, and leaves piece by
// piece under the products of the block's next tile, so that the tensor cores do not rest while it is staged.
#pragma once

#include <type_traits>
#include <utility>

#include "tilework/matmul/wgmma_output.h"

namespace tw {

template <typename T, class Tile>
struct WgmmaDeferred {
    static constexpr int PIECES = Tile::PIECES;
    static_assert(Tile::N % 16 == 0, "words are of 16 columns");

    WgmmaWarp<Tile>& w;
    const TensorMap& out;
    // The eight accumulators of each 16 columns.
    uint4 words[Tile::N / 16];
    // The next piece to leave; PIECES where there is none.
    int next = PIECES;

    __device__ __forceinline__ WgmmaDeferred(WgmmaWarp<Tile>& w, const TensorMap& out) : w(w), out(out) {}

    // Whose tile it is. The thread that stores is the only one to ask, and registers are short.
    __device__ __forceinline__ WgmmaWork& work() const {
        __shared__ WgmmaWork works[Tile::CONSUMERS];
        return works[w.consumer];
    }

    __device__ __forceinline__ void take(const float (&d)[Tile::N / 2], const WgmmaWork& of) {
#pragma unroll
        for (int pair = 0; pair < Tile::N / 16; ++pair) words[pair] = wgmma_narrow<T>(d + 8 * pair);
        if (w.stores()) work() = of;
        next = 0;
    }

    // Lets the piece leave if it is the next one.
    template <int PIECE>
    __device__ __forceinline__ void leave() {
        if (next != PIECE) return;
        wgmma_store_piece(w, out, work(), PIECE, [&](int pair) { return words[Tile::column(PIECE) / 16 + pair]; });
        next = PIECE + 1;
    }
};

// Calls f with each of the numbers below COUNT as a type: what is in registers is chosen among when compiling.
template <typename F, int... NUMBERS>
__device__ __forceinline__ void wgmma_for(F&& f, std::integer_sequence<int, NUMBERS...>) {
    (f(std::integral_constant<int, NUMBERS>()), ...);
}

template <int COUNT, typename F>
__device__ __forceinline__ void wgmma_for(F&& f) {
    wgmma_for(f, std::make_integer_sequence<int, COUNT>());
}

}  // namespace tw
