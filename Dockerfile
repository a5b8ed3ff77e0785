# The worker and the command line.  Two stages, so that compilers, pip and its cache stay behind.
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /src
# First what seldom changes: the dependencies are a layer of their own.
COPY pyproject.toml constraints.txt README.md ./
RUN python -m venv --without-pip /opt/longshore \
 && mkdir detectors engine streams \
 && touch detectors/__init__.py engine/__init__.py streams/__init__.py \
 && pip --python /opt/longshore/bin/python install --no-cache-dir -c constraints.txt . \
 && pip --python /opt/longshore/bin/python uninstall --yes longshore
COPY detectors detectors
COPY engine engine
COPY streams streams
RUN pip --python /opt/longshore/bin/python install --no-cache-dir --no-deps -c constraints.txt .

FROM python:3.11.13-slim-bookworm
# A named volume takes the owner of the directory that it is mounted over.
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/longshore longshore \
 && install --directory --owner=longshore --group=longshore /profiles /fraud
COPY --from=build /opt/longshore /opt/longshore
# The root is read-only: kernels are compiled once and kept in the home, which is a volume.
ENV PATH=/opt/longshore/bin:$PATH \
    NUMBA_CACHE_DIR=/var/lib/longshore/kernels \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER longshore
WORKDIR /var/lib/longshore
EXPOSE 9646
STOPSIGNAL SIGTERM
ENTRYPOINT ["longshore"]
CMD ["worker"]
