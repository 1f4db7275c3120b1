"""The HTTP door: a Starlette application on uvicorn, in the event loop that serves gRPC.

A new part is one function that returns routes, and one line where the application is assembled (app.py). Handlers read
bodies through ``read_body``, which has bounds, and raise ``HTTPException``, which becomes a problem document (RFC 9457).
"""
