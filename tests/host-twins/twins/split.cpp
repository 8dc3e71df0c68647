#include "tilework/matmul/split.h"
#include "twins.h"

int32_t twin_split_shift(int32_t scheme, uint32_t greatest) { return tw::split_shift(tw::SplitScheme(scheme), greatest); }

template <typename T, int PIECES>
static void split(float x, int32_t shift, uint16_t* pieces) {
    uint32_t pairs[PIECES];
    // Both of a pair in turn.
    tw::split<T>(-1.0f, tw::SplitScale(shift)(x), pairs);
    for (int i = 0; i < PIECES; ++i) pieces[i] = uint16_t(pairs[i] >> 16);
    tw::split<T>(tw::SplitScale(shift)(x), 1.0f, pairs);
    for (int i = 0; i < PIECES; ++i) pieces[i] = pieces[i] == uint16_t(pairs[i]) ? pieces[i] : 0x7FFF;
}

void twin_split_f16(float x, int32_t shift, uint16_t pieces[2]) { split<tw::f16, 2>(x, shift, pieces); }

void twin_split_bf16(float x, int32_t shift, uint16_t pieces[3]) { split<tw::bf16, 3>(x, shift, pieces); }

float twin_unscaled(float sum, int32_t exponent) { return tw::unscaled(sum, exponent); }

int32_t twin_split_scheme(const uint32_t seen[10]) {
    tw::SplitState state{};
    for (int i = 0; i < 2; ++i) {
        const uint32_t* words = seen + 5 * i;
        state.factors[i] = {words[0], {words[1], words[2]}, words[3], words[4]};
    }
    return tw::split_scheme(state);
}

uint32_t twin_split_chunk(uint32_t row, uint32_t chunk) { return tw::split_chunk(row, chunk); }

uint64_t twin_split_descriptor(uint32_t address) { return tw::split_descriptor(address); }
