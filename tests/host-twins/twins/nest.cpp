#include "twins.h"

#include "tilework/nest.h"

uint64_t twin_divide_wide(uint64_t n, uint64_t multiplier, uint32_t shift) {
    TwWideDivisor divisor = {};
    divisor.multiplier = multiplier;
    divisor.shift = shift;
    return tw::divide(n, divisor);
}

int64_t twin_nest_offset(const void* nest, uint64_t n) {
    int64_t offsets[1] = {0};
    tw::add_offsets(*static_cast<const TwNest*>(nest), n, offsets);
    return offsets[0];
}
