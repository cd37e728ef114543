#version 300 es
precision highp float;

uniform vec4 ink; // multiplied by its opacity

out vec4 result;

void main() {
  result = ink;
}
