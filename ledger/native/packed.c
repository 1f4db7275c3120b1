#include "packed.h"

#include <string.h>

enum { VARINT = 0, LENGTH_DELIMITED = 2 };

int packed_sound(const packed *strings)
{
    uint32_t before = 0;
    for (size_t at = 0; at < strings->count; at++) {
        uint32_t end = load_end(strings->ends + END_SIZE * at);
        if (end < before)
            return 0;
        before = end;
    }
    return before == strings->size;
}

size_t varint_size(uint32_t number)
{
    size_t size = 1;
    while (number >>= 7)
        size++;
    return size;
}

unsigned char *write_varint(unsigned char *at, uint32_t number)
{
    for (; number >= 0x80; number >>= 7)
        *at++ = (unsigned char)(number | 0x80);
    *at++ = (unsigned char)number;
    return at;
}

/* One field: its number, and behind its tag the value; 0 when that is not certain. */
static int next_field(const unsigned char **at, const unsigned char *end, uint64_t *field, span *value, int *wire_type)
{
    uint64_t tag, number;
    if (!read_varint(at, end, &tag) || tag >> 32 || !(tag >> 3))
        return 0;
    *field = tag >> 3;
    *wire_type = (int)(tag & 7);
    value->data = *at;
    if (!read_varint(at, end, &number))
        return 0;
    if (*wire_type == LENGTH_DELIMITED) {
        if (number > (uint64_t)(end - *at))
            return 0;
        value->data = *at;
        *at += number;
    } else if (*wire_type != VARINT) {
        return 0;
    }
    value->size = (size_t)(*at - value->data);
    return 1;
}

int split_measure(const unsigned char *message, size_t size, uint32_t field, split_sizes *sizes)
{
    const unsigned char *at = message, *end = message + size;
    *sizes = (split_sizes){0, 0, 0};
    if (size > UINT32_MAX)
        return 0;
    while (at < end) {
        const unsigned char *start = at;
        uint64_t number;
        int wire_type;
        span value;
        if (!next_field(&at, end, &number, &value, &wire_type))
            return 0;
        if (number != field) {
            sizes->rest_size += (size_t)(at - start);
        } else if (wire_type == LENGTH_DELIMITED) {
            sizes->count++;
            sizes->size += value.size;
        } else {
            return 0;
        }
    }
    return 1;
}

void split_copy(const unsigned char *message, size_t size, uint32_t field, unsigned char *data, unsigned char *ends,
                unsigned char *rest)
{
    const unsigned char *at = message, *end = message + size;
    uint32_t filled = 0;
    while (at < end) {
        const unsigned char *start = at;
        uint64_t number;
        int wire_type;
        span value;
        /* It was measured before, and a message of type bytes does not change: this cannot fail. */
        if (!next_field(&at, end, &number, &value, &wire_type))
            return;
        if (number == field) {
            memcpy(data + filled, value.data, value.size);
            filled += (uint32_t)value.size;
            store_end(ends, filled);
            ends += END_SIZE;
        } else {
            memcpy(rest, start, (size_t)(at - start));
            rest += at - start;
        }
    }
}

size_t framed_size(size_t head_size, const packed *strings)
{
    size_t size = strings->count * head_size + strings->size;
    for (size_t at = 0; at < strings->count; at++)
        size += varint_size((uint32_t)packed_item(strings, at).size);
    return size;
}

void frame(const unsigned char *head, size_t head_size, const packed *strings, unsigned char *out)
{
    for (size_t at = 0; at < strings->count; at++) {
        span item = packed_item(strings, at);
        memcpy(out, head, head_size);
        out = write_varint(out + head_size, (uint32_t)item.size);
        memcpy(out, item.data, item.size);
        out += item.size;
    }
}
