// e^(x - max) for softmax, where x <= max.
#pragma once

#include <math.h>
#include <string.h>

#include "tilework/platform.h"

namespace tw {

// To 1.25 ULP of e to the exact difference. x - max is rounded before it can be exponentiated, and at -20 that alone would cost 8 ULP, so
// what the rounding loses is added to the reduced argument. The polynomial is e^r = 1 + r + r^2 q(r) for |r| <= ln(2)/2, with q
// interpolated at Chebyshev points (error 2^-26).
TW_HD float exp_difference(float x, float max) {
    float d = x - max;
    float back = d - x;
    float lost = (x - (d - back)) + (-max - back);
    // Adding 1.5 * 2^23 rounds to an integer, which the low bits then hold.
    float shifted = fmaf(d, 0x1.715476p+0f, 0x1.8p+23f);
    float n = shifted - 0x1.8p+23f;
    int32_t exponent;
    memcpy(&exponent, &shifted, 4);
    exponent -= 0x4b400000;
    float r = fmaf(n, -0x1.62e43p-1f, d);
    r = fmaf(n, 0x1.05c61p-29f, r) + lost;
    float q = fmaf(0x1.6d113cp-10f, r, 0x1.120ba2p-7f);
    q = fmaf(q, r, 0x1.55551ap-5f);
    q = fmaf(q, r, 0x1.5554dcp-3f);
    q = fmaf(q, r, 0.5f);
    float e = fmaf(r * r, q, r) + 1.0f;
    // 2^exponent as two factors, since the result may be subnormal and the factor must not be.
    int32_t half = exponent >> 1;
    uint32_t low = uint32_t(half + 127) << 23, high = uint32_t(exponent - half + 127) << 23;
    float a, b;
    memcpy(&a, &low, 4);
    memcpy(&b, &high, 4);
    // Below -104 every result rounds to zero; a NaN goes on.
    return d < -104.0f ? 0.0f : e * a * b;
}

TW_HD double exp_difference(double x, double max) { return exp(x - max); }

#ifdef __CUDACC__
// To about 2^-18 for differences above -40: for results that are rounded to 16 bits.
__device__ __forceinline__ float exp_difference_coarse(float x, float max) {
    float power;
    asm("ex2.approx.f32 %0, %1;" : "=f"(power) : "f"((x - max) * 0x1.715476p+0f));
    return power;
}
#endif

}  // namespace tw
