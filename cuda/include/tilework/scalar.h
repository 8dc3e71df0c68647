// The elementwise operations, one function each, under the names of src/backend/vocabulary.rs.
//
// Floating-point functions take float, double or Narrow (a float whose result is rounded to 16 bits; dtype.h). Error bounds are in
// units in the last place of the result, from NVIDIA's tables for the functions of <math.h> and by analysis for the rest.
// Integers wrap: signed ones are computed on as unsigned ones.
#pragma once

#include <math.h>

#include "tilework/dtype.h"

namespace tw {

// ---- parts ----

// The larger and the smaller; NaN if either is NaN.
TW_HD float maximum(float a, float b) {
#ifdef __CUDA_ARCH__
    float result;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(a), "f"(b));
    return result;
#else
    return a != a || a > b ? a : b;
#endif
}
TW_HD float minimum(float a, float b) {
#ifdef __CUDA_ARCH__
    float result;
    asm("min.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(a), "f"(b));
    return result;
#else
    return a != a || a < b ? a : b;
#endif
}
TW_HD Narrow maximum(Narrow a, Narrow b) { return maximum(a.value, b.value); }
TW_HD Narrow minimum(Narrow a, Narrow b) { return minimum(a.value, b.value); }
template <class T>
TW_HD T maximum(T a, T b) {
    return a != a || a > b ? a : b;
}
template <class T>
TW_HD T minimum(T a, T b) {
    return a != a || a < b ? a : b;
}

// A function of <math.h>, in both precisions.
#define TW_MATH(name, single, twice)                          \
    TW_HD float name(float x) { return ::single(x); }         \
    TW_HD double name(double x) { return ::twice(x); }        \
    TW_HD Narrow name(Narrow x) { return ::single(x.value); }

TW_MATH(sqrt, sqrtf, sqrt)
TW_MATH(exp, expf, exp)
TW_MATH(exp2, exp2f, exp2)
TW_MATH(expm1, expm1f, expm1)
TW_MATH(log, logf, log)
TW_MATH(log2, log2f, log2)
TW_MATH(log1p, log1pf, log1p)
TW_MATH(sin, sinf, sin)
TW_MATH(cos, cosf, cos)
TW_MATH(tanh, tanhf, tanh)
TW_MATH(erf, erff, erf)
TW_MATH(floor, floorf, floor)
TW_MATH(ceil, ceilf, ceil)
TW_MATH(round, rintf, rint)
TW_MATH(trunc, truncf, trunc)
#undef TW_MATH

TW_HD float abs(float x) { return ::fabsf(x); }
TW_HD double abs(double x) { return ::fabs(x); }
TW_HD Narrow abs(Narrow x) { return ::fabsf(x.value); }
TW_HD i32 abs(i32 x) { return x < 0 ? i32(0u - u32(x)) : x; }
TW_HD i64 abs(i64 x) { return x < 0 ? i64(0ull - uint64_t(x)) : x; }

// a / b where b is finite and at or above 1, or NaN: one unit of float off at most for 16-bit results.
template <class T>
TW_HD T quotient(T a, T b) {
    return a / b;
}
TW_HD Narrow quotient(Narrow a, Narrow b) {
#ifdef __CUDA_ARCH__
    float reciprocal;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(reciprocal) : "f"(b.value));
    return a.value * reciprocal;
#else
    return a.value / b.value;
#endif
}

// 2^x, two units off at most; results below the smallest normal number are 0.
TW_HD float exp2_flushed(float x) {
#ifdef __CUDA_ARCH__
    float result;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
#else
    return x < -126 ? 0 : ::exp2f(x);
#endif
}

TW_HD float fused(float a, float b, float c) { return ::fmaf(a, b, c); }
TW_HD double fused(double a, double b, double c) { return ::fma(a, b, c); }
TW_HD Narrow fused(Narrow a, Narrow b, Narrow c) { return ::fmaf(a.value, b.value, c.value); }

// ---- arithmetic ----

#define TW_FLOAT_ARITHMETIC(T)                                \
    TW_HD T neg(T x) { return -x; }                           \
    TW_HD T add(T a, T b) { return a + b; }                   \
    TW_HD T sub(T a, T b) { return a - b; }                   \
    TW_HD T mul(T a, T b) { return a * b; }                   \
    TW_HD T div(T a, T b) { return a / b; }                   \
    TW_HD T affine(T x, T a, T b) { return fused(x, a, b); }

TW_FLOAT_ARITHMETIC(float)
TW_FLOAT_ARITHMETIC(double)
TW_FLOAT_ARITHMETIC(Narrow)
#undef TW_FLOAT_ARITHMETIC

TW_HD float rem(float a, float b) { return ::fmodf(a, b); }
TW_HD double rem(double a, double b) { return ::fmod(a, b); }
TW_HD Narrow rem(Narrow a, Narrow b) { return ::fmodf(a.value, b.value); }

#define TW_SIGNED_ARITHMETIC(T, U)                                                          \
    TW_HD T neg(T x) { return T(U(0) - U(x)); }                                             \
    TW_HD T add(T a, T b) { return T(U(a) + U(b)); }                                        \
    TW_HD T sub(T a, T b) { return T(U(a) - U(b)); }                                        \
    TW_HD T mul(T a, T b) { return T(U(a) * U(b)); }                                        \
    TW_HD T div(T a, T b) { return b == 0 ? 0 : b == -1 ? neg(a) : a / b; }                 \
    TW_HD T rem(T a, T b) { return b == 0 || b == -1 ? 0 : a % b; }                         \
    TW_HD T affine(T x, T a, T b) { return add(mul(x, a), b); }

TW_SIGNED_ARITHMETIC(i32, u32)
TW_SIGNED_ARITHMETIC(i64, uint64_t)
#undef TW_SIGNED_ARITHMETIC

// Also for u8, which is stored by its low byte.
TW_HD u32 add(u32 a, u32 b) { return a + b; }
TW_HD u32 sub(u32 a, u32 b) { return a - b; }
TW_HD u32 mul(u32 a, u32 b) { return a * b; }
TW_HD u32 div(u32 a, u32 b) { return b == 0 ? 0 : a / b; }
TW_HD u32 rem(u32 a, u32 b) { return b == 0 ? 0 : a % b; }
TW_HD u32 affine(u32 x, u32 a, u32 b) { return x * a + b; }

template <class T>
TW_HD T sign(T x) {
    return x > T(0) ? T(1) : x < T(0) ? T(-1) : x;
}
template <class T>
TW_HD T square(T x) {
    return mul(x, x);
}
template <class T>
TW_HD T clamp(T x, T low, T high) {
    return minimum(maximum(x, low), high);
}
template <class T>
TW_HD T add_relu(T a, T b) {
    return maximum(add(a, b), T(0));
}
template <class T>
TW_HD T mul_relu(T a, T b) {
    return maximum(mul(a, b), T(0));
}

// ---- floating-point functions ----

TW_HD double rsqrt(double x) {
#ifdef __CUDA_ARCH__
    return ::rsqrt(x);
#else
    return 1.0 / ::sqrt(x);
#endif
}
TW_HD float rsqrt(float x) {
#ifdef __CUDA_ARCH__
    return ::rsqrtf(x);
#else
    return 1.0f / ::sqrtf(x);
#endif
}
TW_HD Narrow rsqrt(Narrow x) { return rsqrt(x.value); }

template <class T>
TW_HD T recip(T x) {
    return T(1) / x;
}

TW_HD float pow(float a, float b) { return ::powf(a, b); }
TW_HD double pow(double a, double b) { return ::pow(a, b); }
TW_HD Narrow pow(Narrow a, Narrow b) { return ::powf(a.value, b.value); }

template <class T>
TW_HD T relu(T x) {
    return maximum(x, T(0));
}
template <class T>
TW_HD T leaky_relu(T x, T slope) {
    return x < T(0) ? mul(x, slope) : x;
}
template <class T>
TW_HD T elu(T x, T alpha) {
    return x < T(0) ? mul(alpha, expm1(x)) : x;
}

// With e = exp(-|x|), which can't overflow, 1 / (1 + e) on the right and e / (1 + e) on the left keep their relative accuracy
// down to the smallest results. 3 units.
template <class T>
TW_HD T sigmoid(T x) {
    T e = exp(T(-abs(x)));
    return quotient(x < T(0) ? e : T(1), T(T(1) + e));
}
// Where e^x is subnormal and has lost bits, x e^x need not be: far on the left e^(x + 16), of an exact sum, is scaled last.
template <class T>
TW_HD T silu(T x) {
    bool far = x < T(-64);
    T e = exp(T(far ? x + T(16) : -abs(x)));
    T near = mul(x, quotient(x < T(0) ? e : T(1), T(T(1) + e)));
    return far ? mul(mul(x, e), T(1.1253517471925912e-7)) : near;
}

// x times the normal distribution function, as erfc: relatively accurate on the left too, where 1 + erf would cancel.
TW_HD float gelu(float x) { return 0.5f * x * ::erfcf(x * -0.70710678118654752f); }
TW_HD double gelu(double x) { return 0.5 * x * ::erfc(x * -0.70710678118654752440); }

// For 16-bit results a third of the instructions: the distribution's tail beyond t = |x| is exp(-t^2/2) times a polynomial in
// 1 / (1 + t/4), fitted to within 2^-26 of the tail and of 1 together, and within 2^-15 of a tail below 2^-11.
TW_HD Narrow gelu(Narrow x) {
    float t = ::fabsf(x.value);
    float k = quotient(Narrow(1), Narrow(::fmaf(t, 0.25f, 1.0f)));
    float tail = ::fmaf(k, -0.0905972028f, 0.337286482f);
    tail = ::fmaf(k, tail, -0.259414589f);
    tail = ::fmaf(k, tail, 0.274284219f);
    tail = ::fmaf(k, tail, 0.0281796278f);
    tail = ::fmaf(k, tail, 0.111367065f);
    tail = ::fmaf(k, tail, 0.0988944090f);
    // log2(e) / 2 = 0.7213...
    tail *= k * exp2_flushed(t * t * -0.721347520f);
    return x.value * (x.value < 0 ? tail : 1.0f - tail);
}

// (1 + tanh u) / 2 is sigmoid(2u), without the cancellation.
template <class T>
TW_HD T gelu_tanh(T x) {
    T inner = mul(x, fused(T(mul(x, x)), T(2 * 0.7978845608028654 * 0.044715), T(2 * 0.7978845608028654)));
    return mul(x, sigmoid(inner));
}

template <class T>
TW_HD T softplus(T x) {
    return add(maximum(x, T(0)), log1p(exp(T(-abs(x)))));
}

template <class T>
TW_HD T softsign(T x) {
    return div(x, add(T(1), abs(x)));
}

// ---- truth ----

TW_HD bool logical_not(bool x) { return !x; }
TW_HD bool logical_and(bool a, bool b) { return a && b; }
TW_HD bool logical_or(bool a, bool b) { return a || b; }
TW_HD bool logical_xor(bool a, bool b) { return a != b; }

#define TW_COMPARISON(name, operator)        \
    template <class T>                       \
    TW_HD bool name(T a, T b) {              \
        return a operator b;                 \
    }

TW_COMPARISON(eq, ==)
TW_COMPARISON(ne, !=)
TW_COMPARISON(lt, <)
TW_COMPARISON(le, <=)
TW_COMPARISON(gt, >)
TW_COMPARISON(ge, >=)
#undef TW_COMPARISON

}  // namespace tw
