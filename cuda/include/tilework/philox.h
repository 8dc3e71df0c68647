// Philox4x32-10: a counter goes in, four random words come out, and nothing is remembered between calls.
//
// The generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). Ten rounds mix the
// counter by two 32x32->64-bit products, and the key grows by a constant each round. The n-th block of a stream depends on n
// and the key alone, so every thread starts anywhere, and all backends produce the same bits.
#pragma once

#include "tilework/platform.h"

namespace tw {

struct Philox {
    uint32_t word[4];
};

TW_HD Philox philox4x32_10(Philox counter, uint32_t key0, uint32_t key1) {
#ifdef __CUDACC__
#pragma unroll
#endif
    for (int round = 0; round < 10; ++round) {
        uint64_t even = uint64_t(0xD2511F53u) * counter.word[0];
        uint64_t odd = uint64_t(0xCD9E8D57u) * counter.word[2];
        counter = {{uint32_t(odd >> 32) ^ counter.word[1] ^ key0, uint32_t(odd),
                    uint32_t(even >> 32) ^ counter.word[3] ^ key1, uint32_t(even)}};
        key0 += 0x9E3779B9u;  // the golden ratio
        key1 += 0xBB67AE85u;  // the square root of 3, less one
    }
    return counter;
}

}  // namespace tw
