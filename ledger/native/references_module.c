#include "references_module.h"

#include <string.h>

#include "packed.h"
#include "usage.h"

#define NUMBER_SIZE 4
#define LONG_SIZE 8

static void store_long(unsigned char *at, uint64_t number)
{
    for (int byte = 0; byte < LONG_SIZE; byte++)
        at[byte] = (unsigned char)(number >> 8 * byte);
}

/* The number of some references, which are added when they are new; -1 when Python raised. */
static long long number_of(PyObject *known, const unsigned char *references, size_t size)
{
    PyObject *key = PyBytes_FromStringAndSize((const char *)references, (Py_ssize_t)size);
    long long at = -1;
    if (!key)
        return -1;
    PyObject *number = PyDict_GetItemWithError(known, key); /* borrowed */
    if (number) {
        at = PyLong_AsLongLong(number);
    } else if (!PyErr_Occurred()) {
        Py_ssize_t next = PyDict_Size(known);
        number = PyLong_FromSsize_t(next);
        if (number && PyDict_SetItem(known, key, number) == 0)
            at = next;
        Py_DecRef(number);
    }
    Py_DecRef(key);
    if (!PyErr_Occurred() && (at < 0 || at > UINT32_MAX)) {
        PyErr_SetString(PyExc_ValueError, "a number does not fit 32 bits");
        return -1;
    }
    return at;
}

/* Fill the columns: 1, 0 when an event cannot be parted for certain, -1 when Python raised. */
static int fill(const packed *bodies, PyObject *known, unsigned char *room, size_t longest, unsigned char *columns[3])
{
    unsigned char *references = room, *before = room + longest;
    size_t before_size = 0;
    long long number = -1;
    for (size_t at = 0; at < bodies->count; at++) {
        usage_own own;
        if (!usage_part(packed_item(bodies, at), references, &own))
            return 0;
        /* Hosts send many events of one model in a row. */
        if (number < 0 || own.reference_size != before_size || memcmp(references, before, before_size)) {
            number = number_of(known, references, own.reference_size);
            if (number < 0)
                return -1;
            unsigned char *swapped = before;
            before = references, references = swapped;
            before_size = own.reference_size;
        }
        store_end(columns[0] + NUMBER_SIZE * at, (uint32_t)number);
        store_long(columns[1] + LONG_SIZE * at, (uint64_t)own.time_us);
        store_long(columns[2] + LONG_SIZE * at, own.tokens);
    }
    return 1;
}

static size_t longest_of(const packed *bodies)
{
    size_t longest = 0;
    for (size_t at = 0; at < bodies->count; at++) {
        size_t size = packed_item(bodies, at).size;
        longest = size > longest ? size : longest;
    }
    return longest;
}

/* refer_usage(data, ends, known) -> (numbers, times, tokens), or None when not certain. */
PyObject *refer_usage(PyObject *module, PyObject *args)
{
    const char *data, *ends;
    Py_ssize_t size, ends_size;
    PyObject *known, *made[3] = {NULL, NULL, NULL}, *answer = NULL;
    unsigned char *columns[3];
    (void)module;
    if (!PyArg_ParseTuple(args, "y#y#O", &data, &size, &ends, &ends_size, &known))
        return NULL;
    if (!PyDict_CheckExact(known))
        return PyErr_Format(PyExc_TypeError, "what is known must be a dict");
    const packed bodies = {(const unsigned char *)data, (const unsigned char *)ends, (size_t)size,
                           (size_t)ends_size / END_SIZE};
    if (ends_size % END_SIZE || !packed_sound(&bodies))
        return PyErr_Format(PyExc_ValueError, "the ends do not belong to the data");
    size_t longest = longest_of(&bodies);
    unsigned char *room = PyMem_Malloc(2 * longest + 1);
    for (int at = 0; at < 3; at++) {
        size_t width = at ? LONG_SIZE : NUMBER_SIZE;
        made[at] = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(width * bodies.count));
        if (!made[at] || !room)
            goto done;
        columns[at] = (unsigned char *)PyBytes_AsString(made[at]);
    }
    int filled = fill(&bodies, known, room, longest, columns);
    if (filled > 0)
        answer = PyTuple_Pack(3, made[0], made[1], made[2]);
    else if (!filled)
        Py_IncRef(answer = Py_None);
done:
    if (!answer && !PyErr_Occurred())
        PyErr_NoMemory();
    PyMem_Free(room);
    for (int at = 0; at < 3; at++)
        Py_DecRef(made[at]);
    return answer;
}
