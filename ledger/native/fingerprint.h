/* 64-bit fingerprints of short ASCII texts: the multilinear hash of counterfoil.log.fingerprint. */
#ifndef COUNTERFOIL_FINGERPRINT_H
#define COUNTERFOIL_FINGERPRINT_H

#include "packed.h"

/* The text's characters times keys[1..], and keys[0], mixed; the text has at most as many characters as there are keys
 * behind the first. Keys and fingerprints are in the machine's own byte order. */
uint64_t fingerprint(const unsigned char *keys, span text);

#endif
