// Binary operations and comparisons as kernels: TW_BINARY(name, result, dtype) makes those of tw::name on two operands of the
// storage type tw::dtype with a tw::result.
#pragma once

#include "tilework/elementwise.h"
#include "tilework/scalar.h"
#include "tilework/vocabulary.h"

#define TW_BINARY(NAME, RESULT, DTYPE)                                                                      \
    namespace {                                                                                             \
    struct NAME##_##DTYPE##_operation {                                                                     \
        using Out = tw::RESULT;                                                                             \
        using In0 = tw::DTYPE;                                                                              \
        using In1 = tw::DTYPE;                                                                              \
        using In2 = void;                                                                                   \
        static constexpr bool HEAVY = false;                                                                \
        static __device__ __forceinline__ tw::Compute<Out> apply(const TwElementwise& launch, In0 a, In1 b, \
                                                                 uint8_t) {                                 \
            return tw::NAME(tw::value(launch, 0, a), tw::value(launch, 1, b));                              \
        }                                                                                                   \
    };                                                                                                      \
    }                                                                                                       \
    TW_ELEMENTWISE(NAME##_##DTYPE, NAME##_##DTYPE##_operation)
