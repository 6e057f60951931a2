# One image for each of Millrace's processes: the command says which (worker, projector, any other of `millrace --help`).
FROM python:3.12-slim AS build
WORKDIR /src
RUN python -m venv /opt/millrace
COPY constraints.txt pyproject.toml ./
# The pinned uv first; then what the program needs to run, at the versions and hashes of constraints.txt, without the tools.
RUN awk '/^[a-z]/ { on = /^uv==/ } on && !/#/' constraints.txt > uv.txt && \
    pip install --no-cache-dir --require-hashes --no-deps --root-user-action=ignore -r uv.txt
RUN uv pip install --no-cache --python /opt/millrace/bin/python --compile-bytecode \
    --require-hashes --constraints constraints.txt -r pyproject.toml
COPY . .
RUN uv build --no-cache --wheel --build-constraints constraints.txt && \
    uv pip install --no-cache --python /opt/millrace/bin/python --compile-bytecode --no-deps dist/*.whl

FROM python:3.12-slim
COPY --from=build /opt/millrace /opt/millrace
RUN useradd --create-home --uid 1000 millrace && install -d -o millrace -g millrace /data /workflows
USER millrace
# Tools and prompt files of your workflows are looked for here.
WORKDIR /workflows
ENV PATH=/opt/millrace/bin:$PATH PYTHONUNBUFFERED=1 MILLRACE_DATA_DIR=/data
ENTRYPOINT ["millrace"]
CMD ["--help"]
