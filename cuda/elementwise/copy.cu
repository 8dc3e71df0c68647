// Copies and fills, which move elements whole: one operation for each size.
#include "tilework/elementwise.h"
#include "tilework/transpose.h"

#define TW_COPY(SIZE, WORD, VECTOR)                                                                          \
    namespace {                                                                                              \
    struct copy_##SIZE##_operation {                                                                         \
        using Out = WORD;                                                                                    \
        using In0 = WORD;                                                                                    \
        using In1 = void;                                                                                    \
        using In2 = void;                                                                                    \
        static constexpr bool HEAVY = false;                                                                 \
        static __device__ __forceinline__ tw::Compute<WORD> apply(const TwElementwise& launch, In0 x, uint8_t, uint8_t) { \
            return tw::value(launch, 0, x);                                                                  \
        }                                                                                                    \
    };                                                                                                       \
    }                                                                                                        \
    TW_ELEMENTWISE(copy_##SIZE, copy_##SIZE##_operation)                                                     \
    TW_TRANSPOSE(SIZE, WORD, VECTOR)

TW_COPY(1, uint8_t, 8)
TW_COPY(2, uint16_t, 8)
TW_COPY(4, uint32_t, 4)
TW_COPY(8, uint64_t, 2)
