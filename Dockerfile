# One image for watcher, sync-worker and dashboard: TypeScript run directly by Node, no build step.
FROM node:24-bookworm-slim AS packages
WORKDIR /app
# The manifests alone first: a change of the sources does not install the packages again.
COPY package.json package-lock.json .npmrc ./
COPY apps/cli/package.json apps/cli/
COPY apps/dashboard/package.json apps/dashboard/
COPY apps/endpoint/package.json apps/endpoint/
COPY apps/sync-worker/package.json apps/sync-worker/
COPY apps/watcher/package.json apps/watcher/
COPY libs/action-table/package.json libs/action-table/
COPY libs/base/package.json libs/base/
COPY libs/config/package.json libs/config/
COPY libs/event-model/package.json libs/event-model/
COPY libs/ops/package.json libs/ops/
COPY libs/queue/package.json libs/queue/
COPY libs/replica/package.json libs/replica/
COPY libs/status/package.json libs/status/
COPY libs/watch/package.json libs/watch/
# Node comes with the image: the workspace that brings it to other machines (tools/) stays out.
RUN --mount=type=cache,target=/root/.npm \
    npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
      -w apps/cli -w apps/dashboard -w apps/endpoint -w apps/sync-worker -w apps/watcher

FROM node:24-bookworm-slim
ENV NODE_ENV=production
# Who the services run as: named volumes take their owner from here when they are first used.
ARG LAZYSYNC_UID=1000
ARG LAZYSYNC_GID=1000
WORKDIR /app
COPY --link --from=packages /app/ ./
COPY --link apps ./apps
COPY --link libs ./libs
COPY --link docker/demo.yaml ./demo.yaml
COPY --link docker/bin/ /usr/local/bin/
# A named volume is filled from here when it is first used, owner included. Each folder is a volume or part of one.
COPY docker/demo/ /demo/remote/
# One file that is worth being lazy about.
RUN seq 1 120000 | awk 'BEGIN { print "second,station,celsius" } { printf "%d,%s,%.1f\n", $1, $1 % 2 ? "a" : "b", 15 + 8 * sin($1 / 5000) }' \
      >/demo/remote/data/readings.csv \
 && chown -R "$LAZYSYNC_UID:$LAZYSYNC_GID" /demo/remote \
 && install -d -o "$LAZYSYNC_UID" -g "$LAZYSYNC_GID" -m 0755 /demo /demo/local \
 && install -d -o "$LAZYSYNC_UID" -g "$LAZYSYNC_GID" -m 0700 /state /dashboard
USER $LAZYSYNC_UID:$LAZYSYNC_GID
CMD ["lazysync", "--help"]
