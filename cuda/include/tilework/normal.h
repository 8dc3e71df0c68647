// A random word to a standard normal number in integer arithmetic: src/backend/normal.rs says how, and these are its lines.
#pragma once

#include "tilework/platform.h"

namespace tw {

#ifdef __CUDACC__
__device__
#endif
static const int32_t kNormalTable[2048] = {
#include "tilework/normal_table.inc"
};

// The number of bits up to the leading one; 0 for 0.
TW_HD uint32_t bit_length(uint32_t v) {
#ifdef __CUDA_ARCH__
    return 32 - __clz(int(v));
#else
    uint32_t length = 0;
    for (; v != 0; v >>= 1) ++length;
    return length;
#endif
}

// c + sum * t / 2^32, rounded down.
TW_HD int32_t normal_step(int32_t sum, uint32_t t, int32_t c) { return c + int32_t((int64_t(sum) * int64_t(t)) >> 32); }

// `table` is kNormalTable, or a copy of it in shared memory.
TW_HD float normal(uint32_t bits, const int32_t* table) {
    uint32_t v = bits & 0x7fffffffu;
    uint32_t octave = bit_length(v);
    uint32_t mantissa = uint32_t(uint64_t(v) << (32 - octave));
    const int32_t* cubic = table + octave * 64 + ((mantissa >> 27) & 15u) * 4;
    uint32_t t = mantissa << 5;
    int32_t z = normal_step(normal_step(normal_step(cubic[3], t, cubic[2]), t, cubic[1]), t, cubic[0]);
    // Cut to 24 significant bits, so that the conversion is exact; z is below 2^31.
    uint32_t length = bit_length(uint32_t(z));
    uint32_t surplus = length > 24 ? length - 24 : 0;
    z = (z >> surplus) << surplus;
    float magnitude = float(z) * (1.0f / float(1 << 28));
    return (bits >> 31) != 0 ? -magnitude : magnitude;
}

}  // namespace tw
