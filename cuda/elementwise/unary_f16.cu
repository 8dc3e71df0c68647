// Unary operations on f16.
#include "tilework/unary.h"

#define X(name, code, parameters) TW_UNARY(name, parameters, f16)
TW_UNARY_NUMBER(X)
TW_UNARY_SIGNED(X)
TW_UNARY_FLOAT(X)
