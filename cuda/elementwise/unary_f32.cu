// Unary operations on f32.
#include "tilework/unary.h"

#define X(name, code, parameters) TW_UNARY(name, parameters, f32)
TW_UNARY_NUMBER(X)
TW_UNARY_SIGNED(X)
TW_UNARY_FLOAT(X)
