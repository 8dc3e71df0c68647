#include "twins.h"

#include "tilework/fastdiv.h"

uint32_t twin_divide(uint32_t n, uint32_t multiplier, uint32_t shift) {
    TwDivisor divisor = {};
    divisor.multiplier = multiplier;
    divisor.shift = shift;
    return tw::divide(n, divisor);
}
