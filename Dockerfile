# The worker and the command line.  Two stages, so that compilers and pip's cache stay behind.
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md ./
COPY detectors detectors
COPY engine engine
COPY streams streams
RUN python -m venv /opt/longshore \
 && /opt/longshore/bin/pip install --no-cache-dir -c constraints.txt .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/longshore longshore
COPY --from=build /opt/longshore /opt/longshore
# Kernels are compiled once and kept where the user may write.
ENV PATH=/opt/longshore/bin:$PATH \
    NUMBA_CACHE_DIR=/var/lib/longshore/kernels \
    PYTHONUNBUFFERED=1
USER longshore
WORKDIR /var/lib/longshore
EXPOSE 9646
ENTRYPOINT ["longshore"]
CMD ["worker"]
