"""What the course is made with; none of it is installed with vizkit."""
