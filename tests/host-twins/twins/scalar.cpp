#include "twins.h"

#include "tilework/scalar.h"

float twin_sigmoid_narrow(float x) { return tw::sigmoid(tw::Narrow(x)); }
float twin_silu(float x) { return tw::silu(x); }
float twin_silu_narrow(float x) { return tw::silu(tw::Narrow(x)); }
float twin_gelu_narrow(float x) { return tw::gelu(tw::Narrow(x)); }
float twin_gelu_tanh_narrow(float x) { return tw::gelu_tanh(tw::Narrow(x)); }
int32_t twin_div_i32(int32_t a, int32_t b) { return tw::div(a, b); }
int32_t twin_rem_i32(int32_t a, int32_t b) { return tw::rem(a, b); }
int32_t twin_mul_i32(int32_t a, int32_t b) { return tw::mul(a, b); }
int32_t twin_abs_i32(int32_t x) { return tw::abs(x); }
