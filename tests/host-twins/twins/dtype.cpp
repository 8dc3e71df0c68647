#include "twins.h"

#include "tilework/dtype.h"

float twin_widen_f16(uint16_t x) { return tw::widen(tw::f16{x}); }
float twin_widen_bf16(uint16_t x) { return tw::widen(tw::bf16{x}); }
uint16_t twin_narrow_f16(float x) { return tw::narrow<tw::f16>(x).bits; }
uint16_t twin_narrow_bf16(float x) { return tw::narrow<tw::bf16>(x).bits; }
