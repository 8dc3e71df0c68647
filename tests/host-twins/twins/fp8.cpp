#include "twins.h"

#include "tilework/fp8.h"

float twin_widen_f8e4m3(uint8_t x) { return tw::widen(tw::f8e4m3{x}); }
float twin_widen_f8e5m2(uint8_t x) { return tw::widen(tw::f8e5m2{x}); }
uint8_t twin_narrow_f8e4m3(float x) { return tw::narrow<tw::f8e4m3>(x).bits; }
uint8_t twin_narrow_f8e5m2(float x) { return tw::narrow<tw::f8e5m2>(x).bits; }
uint8_t twin_cast_f64_f8e4m3(double x) { return tw::Cast<tw::f8e4m3, tw::f64>::apply(x).bits; }
uint8_t twin_cast_i64_f8e5m2(int64_t x) { return tw::Cast<tw::f8e5m2, tw::i64>::apply(x).bits; }
int32_t twin_cast_f8e5m2_i32(uint8_t x) { return tw::Cast<tw::i32, tw::f8e5m2>::apply({x}); }
uint8_t twin_cast_f8e4m3_u8(uint8_t x) { return tw::Cast<tw::u8, tw::f8e4m3>::apply({x}); }
bool twin_cast_f8e4m3_b8(uint8_t x) { return tw::Cast<tw::b8, tw::f8e4m3>::apply({x}).bits != 0; }
