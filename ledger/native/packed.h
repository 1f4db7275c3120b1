/* Many byte strings as one: the data, and where each string ends in it (unsigned 32-bit, little-endian).
 *
 * counterfoil.packed is the same in Python. What comes from there is checked once, with packed_sound; the rest of the code
 * relies on it.
 */
#ifndef COUNTERFOIL_PACKED_H
#define COUNTERFOIL_PACKED_H

#include <stddef.h>
#include <stdint.h>

#define END_SIZE 4

typedef struct {
    const unsigned char *data, *ends;
    size_t size, count;
} packed;

typedef struct {
    const unsigned char *data;
    size_t size;
} span;

static inline uint32_t load_end(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline void store_end(unsigned char *at, uint32_t end)
{
    at[0] = (unsigned char)end;
    at[1] = (unsigned char)(end >> 8);
    at[2] = (unsigned char)(end >> 16);
    at[3] = (unsigned char)(end >> 24);
}

/* 1 when the ends never fall and the last one is the size of the data. */
int packed_sound(const packed *strings);

/* String ``at`` of packed strings that are sound. */
static inline span packed_item(const packed *strings, size_t at)
{
    uint32_t begin = at ? load_end(strings->ends + END_SIZE * (at - 1)) : 0;
    return (span){strings->data + begin, load_end(strings->ends + END_SIZE * at) - begin};
}

/* Protobuf's base-128 numbers. Reading takes the shortest form below 2^63 only: 0 is for whatever else there is. */
static inline int read_varint(const unsigned char **at, const unsigned char *end, uint64_t *number)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 63; shift += 7) {
        if (*at == end)
            return 0;
        unsigned char byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *number = value;
            return byte || !shift;
        }
    }
    return 0;
}
size_t varint_size(uint32_t number);
unsigned char *write_varint(unsigned char *at, uint32_t number);

/* The elements of one repeated length-delimited field, and the bytes of all other fields. */
typedef struct {
    size_t count, size, rest_size;
} split_sizes;

/* Measure a message: 1, and what split_copy will need; 0 when it is not surely a message of plain fields. */
int split_measure(const unsigned char *message, size_t size, uint32_t field, split_sizes *sizes);
void split_copy(const unsigned char *message, size_t size, uint32_t field, unsigned char *data, unsigned char *ends,
                unsigned char *rest);

/* Each string as an element: head, its size as a number, itself. framed_size is how many bytes that makes. */
size_t framed_size(size_t head_size, const packed *strings);
void frame(const unsigned char *head, size_t head_size, const packed *strings, unsigned char *out);

#endif
