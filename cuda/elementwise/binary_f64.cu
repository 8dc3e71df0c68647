// Binary operations on f64.
#include "tilework/binary.h"

#define X(name, code) TW_BINARY(name, f64, f64)
TW_BINARY_NUMBER(X)
TW_BINARY_FLOAT(X)
