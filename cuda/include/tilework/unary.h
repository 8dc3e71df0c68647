// Unary operations as kernels: TW_UNARY(name, parameters, dtype) makes those of tw::name on the storage type tw::dtype.
#pragma once

#include "tilework/elementwise.h"
#include "tilework/scalar.h"
#include "tilework/vocabulary.h"

#define TW_CALL_0(name, launch, C, x) tw::name(x)
#define TW_CALL_1(name, launch, C, x) tw::name(x, tw::decode<C>(launch.values[1]))
#define TW_CALL_2(name, launch, C, x) tw::name(x, tw::decode<C>(launch.values[1]), tw::decode<C>(launch.values[2]))

#define TW_UNARY(NAME, PARAMETERS, DTYPE)                                                                        \
    namespace {                                                                                                  \
    struct NAME##_##DTYPE##_operation {                                                                          \
        using Out = tw::DTYPE;                                                                                   \
        using In0 = tw::DTYPE;                                                                                   \
        using In1 = void;                                                                                        \
        using In2 = void;                                                                                        \
        static constexpr bool HEAVY = sizeof(In0) == 8;                                                          \
        using C = tw::Compute<In0>;                                                                              \
        static __device__ __forceinline__ C apply(const TwElementwise& launch, In0 x, uint8_t, uint8_t) {        \
            return TW_CALL_##PARAMETERS(NAME, launch, C, tw::load(x));                                           \
        }                                                                                                        \
    };                                                                                                           \
    }                                                                                                            \
    TW_ELEMENTWISE(NAME##_##DTYPE, NAME##_##DTYPE##_operation)
