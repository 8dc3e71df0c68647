// Unary operations on integers and bool.
#include "tilework/unary.h"

#define X(name, code, parameters) TW_UNARY(name, parameters, i32) TW_UNARY(name, parameters, i64)
TW_UNARY_SIGNED(X)
#undef X

#define X(name, code, parameters)                                 \
    TW_UNARY(name, parameters, i32) TW_UNARY(name, parameters, i64) \
    TW_UNARY(name, parameters, u8) TW_UNARY(name, parameters, u32)
TW_UNARY_NUMBER(X)
#undef X

#define X(name, code, parameters) TW_UNARY(name, parameters, b8)
TW_UNARY_BOOL(X)
