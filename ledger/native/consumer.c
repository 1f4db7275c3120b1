#include "consumer.h"

#include <string.h>

enum { CODE_SIZE = 26, DIGITS_MIN = 32, DIGITS_MAX = 128 };

static const char PREFIX[] = "anon1_";
static const char *const HASH_NAMES[] = {
    "md5",     "sha1",    "sha224",  "sha256", "sha384",    "sha512",      "sha3-256",
    "sha3-512", "blake2b", "blake2s", "blake3", "hmac-sha1", "hmac-sha256", "hmac-sha512",
};

/* Base32 of 128 bits: the last character has two bits that must be zero. */
static int is_code(span text)
{
    unsigned char good = 1;
    if (text.size != CODE_SIZE)
        return 0;
    for (size_t at = 0; at < text.size; at++) {
        unsigned char byte = text.data[at];
        good &= (byte >= 'a' && byte <= 'z') || (byte >= '2' && byte <= '7');
    }
    return good && memchr("aeimquy4", text.data[CODE_SIZE - 1], 8) != NULL;
}

static int is_digits(span text)
{
    unsigned char good = text.size >= DIGITS_MIN && text.size <= DIGITS_MAX;
    for (size_t at = 0; at < text.size; at++) {
        unsigned char byte = text.data[at];
        good &= (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
    }
    return good;
}

static int is_hash_name(span text)
{
    for (size_t at = 0; at < sizeof HASH_NAMES / sizeof *HASH_NAMES; at++)
        if (strlen(HASH_NAMES[at]) == text.size && !memcmp(HASH_NAMES[at], text.data, text.size))
            return 1;
    return 0;
}

int is_pseudonym(span id)
{
    const size_t prefix = sizeof PREFIX - 1;
    if (id.size >= prefix && !memcmp(id.data, PREFIX, prefix))
        return is_code((span){id.data + prefix, id.size - prefix});
    const unsigned char *colon = id.size ? memchr(id.data, ':', id.size) : NULL;
    if (!colon)
        return is_digits(id);
    size_t name = (size_t)(colon - id.data);
    return is_hash_name((span){id.data, name}) && is_digits((span){colon + 1, id.size - name - 1});
}
