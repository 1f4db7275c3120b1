/* The catalog's functions as Python calls them; counterfoil/log/columns.py says what they do. */
#ifndef COUNTERFOIL_CATALOG_MODULE_H
#define COUNTERFOIL_CATALOG_MODULE_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

PyObject *sort_entries(PyObject *module, PyObject *args);
PyObject *merge_entries(PyObject *module, PyObject *args);
PyObject *find_entries(PyObject *module, PyObject *args);

#endif
